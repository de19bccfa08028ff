"""Distillation: what the student is shown and told, and that it ends better than a noisy teacher."""

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

import losses
from data import backgrounds, batches, images, synthetic
from data.images import Photograph
from errors import UserError
from evaluation import report
from extensions import ema
from inference import pipeline
from models.unet import build_unet
from training import distillation, labels, optimizers


def made_distillation(*, width=1 / 16, size=64, seed=0, num_steps=1000, fall_steps=0, augmentation=()):
    tf.keras.utils.set_random_seed(seed)
    student = build_unet(width=width, size=size, batch_norm_momentum=0.9)
    optimizer = optimizers.make_optimizer(student.trainable_variables, learning_rate=2e-3, num_steps=num_steps,
                                          learning_rate_fall_steps=fall_steps)
    return distillation.Distillation(student=student, optimizer=optimizer, augmentation=augmentation)


def averaged_distillation(**options):
    training = made_distillation(**options)
    average = ema.MovingAverage(training.student, build_unet(width=1 / 16, size=64), decay=0.9, name="student_average")
    return distillation.Distillation(student=training.student, optimizer=training.optimizer, average=average)


def random_batch(size=64):
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 256, [2, 4, size, size, 3], np.uint8)
    return {"photographs": tf.constant(pictures[0]), "backgrounds": tf.constant(pictures[1]),
            "masks": tf.constant(generator.integers(0, 256, [4, size, size, 1], np.uint8)),
            "step": tf.constant(0, tf.int64)}


def unit(batch):
    return [images.to_unit_range(batch[name]).numpy() for name in ("photographs", "masks", "backgrounds")]


def test_composites_are_the_teachers_foregrounds_on_the_backgrounds():
    photographs, masks, patches = unit(random_batch())
    made = made_distillation().student_inputs(photographs, masks, patches)
    np.testing.assert_allclose(made, photographs * masks + patches * (1 - masks), atol=1e-6)


def test_an_update_minimises_equation_8_between_student_and_teacher():
    training, batch = made_distillation(), random_batch()
    photographs, masks, patches = unit(batch)
    shown = training.student_inputs(photographs, masks, patches)
    expected = float(losses.distillation_loss(training.student(shown, training=True), masks))
    values = [float(training.step(batch)[0]["student/distillation_loss"]) for _ in range(20)]
    assert values[0] == pytest.approx(expected, rel=1e-4)
    assert values[-1] < 0.97 * values[0]


def test_the_average_of_the_student_is_shown_and_kept_and_training_stays_what_it_is():
    training, plain, batch = averaged_distillation(), made_distillation(), random_batch()
    assert training.shown is training.objects()["student_average"] is not training.student
    assert plain.shown is plain.student and "student_average" not in plain.objects()
    expected = [variable.numpy() for variable in training.student.variables]
    for step in range(1, 4):
        training.step(batch)
        plain.step(batch)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = [decay * mine + (1 - decay) * other.numpy()
                    for mine, other in zip(expected, training.student.variables)]
    for mine, other in zip(training.student.variables, plain.student.variables):
        np.testing.assert_array_equal(mine, other, err_msg=mine.name)
    for mine, variable in zip(expected, training.shown.variables):  # moving means and variances among them
        np.testing.assert_allclose(mine, variable, rtol=1e-4, atol=1e-6, err_msg=variable.name)


def test_labels_are_the_teachers_masks_computed_once(tmp_path):
    teacher = build_unet(width=1 / 16, size=64)
    crops = np.random.default_rng(0).integers(0, 256, [5, 64, 64, 3], np.uint8)
    expected = teacher(images.to_unit_range(crops), training=False).numpy()
    made = labels.teacher_masks(pipeline.inference(teacher), crops, description="a", made_of="b", cache_dir=tmp_path, max_megabytes=1)
    np.testing.assert_allclose(made / 255.0, expected, atol=0.5 / 255 + 1e-5)

    def absent(*_, **__):
        raise AssertionError("the masks are in the cache")

    again = labels.teacher_masks(absent, crops, description="a", made_of="b", cache_dir=tmp_path, max_megabytes=1)
    np.testing.assert_array_equal(made, again)
    with pytest.raises(UserError, match="was begun with the masks of a, and the teacher is b by now"):
        labels.teacher_masks(teacher, crops, description="b", made_of="c", cache_dir=tmp_path, max_megabytes=1)
    moved = labels.teacher_masks(absent, crops, description="b", made_of="b", cache_dir=tmp_path, max_megabytes=1)
    np.testing.assert_array_equal(made, moved)  # the same teacher under another path


def test_labels_of_other_photographs_or_of_a_teacher_with_other_values_are_refused(tmp_path):
    teacher = build_unet(width=1 / 16, size=64)
    crops = np.random.default_rng(0).integers(0, 256, [4, 64, 64, 3], np.uint8)

    def made_of(crops):
        return labels.teacher_masks(
            pipeline.inference(teacher), crops, description="a", made_of=labels.fingerprint(crops, teacher),
            cache_dir=tmp_path, max_megabytes=1)

    made = made_of(crops)
    np.testing.assert_array_equal(made_of(crops.copy()), made)
    (tmp_path / labels.CUT_CACHE_NAME).touch()
    with pytest.raises(UserError, match="was begun with other photographs, or boxes, or with another teacher where a is now"):
        made_of(crops[::-1])
    teacher.variables[0].assign_add(tf.ones_like(teacher.variables[0]))
    with pytest.raises(UserError, match="was begun with other photographs, or boxes, or with another teacher where a is now"):
        made_of(crops)
    assert (tmp_path / labels.CUT_CACHE_NAME).exists()
    (tmp_path / labels.CACHE_NAME).unlink()
    assert (made_of(crops) != made).any()
    assert not (tmp_path / labels.CUT_CACHE_NAME).exists()  # it was cut of the masks that are gone


def test_cut_labels_are_made_once(tmp_path):
    noise = np.random.default_rng(0).normal(0, 10, [64, 64, 3])
    colours = np.full([64, 64, 3], 90.0)
    colours[16:48, 16:48] = (200, 40, 40)
    Image.fromarray(np.clip(colours + noise, 0, 255).astype(np.uint8)).save(tmp_path / "a.png")
    photographs = [Photograph("a.png", str(tmp_path / "a.png"), (8.0, 8.0, 48.0, 48.0), None)]
    raw = np.full([1, 64, 64, 1], 40, np.uint8)
    raw[:, 20:44, 20:44] = 230
    options = {"crop_mode": "box", "cache_dir": tmp_path}
    assert labels.cut_labels(raw, photographs, iterations=0, **options) is raw
    cut = labels.cut_labels(raw, photographs, iterations=1, **options)
    assert cut.dtype == np.uint8 and cut.shape == raw.shape
    assert cut[0, 14:50, 14:50].min() == 255 and cut.mean() == pytest.approx(255 * (32 / 48) ** 2, rel=0.1)
    (tmp_path / "a.png").unlink()
    np.testing.assert_array_equal(labels.cut_labels(raw, photographs, iterations=1, **options), cut)


def test_a_cache_too_large_foreign_or_broken_is_refused(tmp_path):
    teacher = pipeline.inference(build_unet(width=1 / 16, size=64))
    crops = np.zeros([4, 64, 64, 3], np.uint8)
    with pytest.raises(UserError, match="more than --max_cache_megabytes=0.01"):
        labels.teacher_masks(teacher, crops, description="a", made_of="b", cache_dir=tmp_path, max_megabytes=0.01)
    labels.teacher_masks(teacher, crops, description="a", made_of="b", cache_dir=tmp_path, max_megabytes=1)
    with pytest.raises(UserError, match=r"holds masks \[4, 64, 64, 1\], expected \[3, 64, 64, 1\]; delete it"):
        labels.teacher_masks(teacher, crops[:3], description="a", made_of="b", cache_dir=tmp_path, max_megabytes=1)
    (tmp_path / labels.CACHE_NAME).write_bytes(b"x")
    with pytest.raises(UserError, match="cannot be read"):
        labels.teacher_masks(teacher, crops, description="a", made_of="b", cache_dir=tmp_path, max_megabytes=1)


def test_a_mask_is_flipped_with_its_photograph():
    crops = np.random.default_rng(0).integers(0, 256, [6, 64, 64, 3], np.uint8)
    pool = backgrounds.BackgroundPool.from_images([crops[0]])
    labels = crops[..., :1].copy()  # so that each mask can be told from its photograph
    flipped = 0
    for batch in batches.distillation_batches(crops=crops, masks=labels, background_pool=pool, batch_size=4, seed=0,
                                              num_steps=5):
        photographs, masks = batch["photographs"].numpy(), batch["masks"].numpy()
        np.testing.assert_array_equal(photographs[..., :1], masks)
        flipped += sum(not (crops == photograph).all(axis=(1, 2, 3)).any() for photograph in photographs)
    assert 3 < flipped < 17


def noisy(masks, *, seed):
    """Masks as an unstable teacher gives them: a tenth of the 8x8 blocks wrong, and everything soft."""
    generator = np.random.default_rng(seed)
    wrong = generator.uniform(size=(len(masks), 8, 8, 1)) < 0.1
    wrong = wrong.repeat(8, axis=1).repeat(8, axis=2)
    return np.where(wrong, 1 - masks, masks) * 0.8 + 0.1


def test_a_student_beats_its_noisy_teacher_on_drawn_scenes():
    photographs, masks, pictures = synthetic.drawn_photographs(num_images=160, size=64, seed=0)
    raw = noisy(masks, seed=0)
    pool = backgrounds.BackgroundPool.from_images(pictures)
    training = made_distillation(width=0.125, num_steps=240, fall_steps=120)
    for batch in batches.distillation_batches(crops=photographs, masks=np.round(255 * raw).astype(np.uint8),
                                              background_pool=pool, batch_size=8, seed=0, num_steps=240):
        training.step(batch)
    names = [str(index) for index in range(len(masks))]
    distilled = pipeline.predict_masks(pipeline.inference(training.student), photographs)
    student, teacher = (report.evaluate_masks(soft, masks, names=names)["per_image"]["mean_iou"]
                        for soft in (distilled, raw))
    print(f"student {student:.3f}, teacher {teacher:.3f}")
    assert student > teacher + 0.05


def test_labels_are_sharpened_about_the_threshold_and_else_stay():
    masks = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    np.testing.assert_array_equal(labels.sharpen_labels(masks, temperature=1.0, threshold=0.5), masks)
    sharp = labels.sharpen_labels(masks, temperature=0.1, threshold=0.3).astype(int)
    assert sharp[masks < 0.25 * 255].max() < 30 and sharp[masks > 0.35 * 255].min() > 225
    assert np.all(np.diff(sharp.ravel()) >= 0)


def test_photographs_and_backgrounds_change_colours_apart_from_each_other_and_masks_stay():
    batch = {**random_batch(), "backgrounds": random_batch()["photographs"]}
    tf.keras.utils.set_random_seed(0)
    student = build_unet(width=1 / 16, size=64)
    optimizer = optimizers.make_optimizer(student.trainable_variables, learning_rate=1e-3, num_steps=10)
    training = distillation.Distillation(student=student, optimizer=optimizer, augmentation=("color", "hue"), seed=5)
    seen = []
    training.student_inputs = lambda *pictures: seen.append(pictures) or pictures[0]
    for step in (0, 0, 1):
        training.replica_step({**batch, "step": tf.constant(step, tf.int64)})
    photographs, labels, backgrounds = seen[0]
    assert float(tf.reduce_max(tf.abs(photographs - backgrounds))) > 0.1
    assert 0.0 <= float(tf.reduce_min(photographs)) and float(tf.reduce_max(photographs)) <= 1.0
    np.testing.assert_array_equal(labels, unit(batch)[1])
    np.testing.assert_array_equal(photographs, seen[1][0])
    assert float(tf.reduce_max(tf.abs(photographs - seen[2][0]))) > 0.1
    with pytest.raises(ValueError, match="away from their masks"):
        distillation.Distillation(student=student, optimizer=optimizer, augmentation=("translation",))


def test_placement_moves_photographs_with_their_masks_and_leaves_backgrounds():
    batch = random_batch()
    photographs, _, patches = unit(batch)
    masks = photographs[..., :1]  # so that what moved shows in both alike
    batch["masks"] = batch["photographs"][..., :1]
    training = made_distillation(augmentation=("placement",))
    seen = []
    training.student_inputs = lambda *pictures: seen.append(pictures) or pictures[0]
    for step in (0, 0, 1):
        training.replica_step({**batch, "step": tf.constant(step, tf.int64)})
    moved, moved_masks, backgrounds = seen[0]
    np.testing.assert_allclose(moved[..., :1], moved_masks, atol=1e-6)
    assert np.abs(moved_masks - masks).mean() > 0.1
    np.testing.assert_array_equal(backgrounds, patches)
    np.testing.assert_array_equal(moved, seen[1][0])
    assert float(tf.reduce_max(tf.abs(moved - seen[2][0]))) > 0.1
