"""The same training steps in PyTorch, to be timed beside ours; a program of its own that needs nothing else.

    python benchmarks/torch_peer.py foreground --batch_size=16
    python benchmarks/torch_peer.py cluster --batch_size=64 --device=cuda --precision=bfloat16 --compile

Tables 1 and 2, Eq. 4 to 7, Adam and the sizes of `benchmarks/steps.py`, written as one writes PyTorch: channels last,
library layers, `torch.compile` of the networks, automatic mixed precision. Prints `s/step X`. PyTorch is no dependency
of the project: give this script an environment of its own.
"""

import argparse
import sys
import time

try:
    import torch
    from torch import nn
    from torch.nn import functional
    from torch.nn.utils.parametrizations import spectral_norm
except ImportError as error:
    sys.exit(f"error: {error.name} is missing; run this script in an environment that has PyTorch.")

LAYERS, LATENT_DIM, PADDING = 8, 5, 30
WARM_UP = 5


def activated(layer, channels):
    """Returns a layer with batch normalization and leaky ReLU after it."""
    return nn.Sequential(layer, nn.BatchNorm2d(channels), nn.LeakyReLU(0.2))


class UNet(nn.Module):
    """Table 1: images [B, 3, 128, 128] to masks [B, 1, 128, 128]."""

    def __init__(self):
        super().__init__()
        channels, self.down, self.up = 3, nn.ModuleList(), nn.ModuleList()
        for width, kernel in ((64, 4), (128, 4), (256, 4), (512, 4), (512, 4), (512, 2)):
            layer = nn.Conv2d(channels, width, kernel, 2, (kernel - 2) // 2, bias=False)
            self.down.append(activated(layer, width))
            channels = width
        for width, kernel in ((512, 2), (512, 4), (256, 4), (128, 4), (64, 4)):
            layer = nn.ConvTranspose2d(channels, width, kernel, 2, (kernel - 2) // 2, bias=False)
            self.up.append(activated(layer, width))
            channels = 2 * width
        self.last = nn.ConvTranspose2d(channels, 1, 4, 2, 1)

    def forward(self, images):
        skips = []
        for layer in self.down:
            images = layer(images)
            skips.append(images)
        skips.pop()
        for layer in self.up:
            images = torch.cat([layer(images), skips.pop()], 1)
        return torch.sigmoid(self.last(images))


class InstanceGenerator(nn.Module):
    """Table 2: latents [M, Z] to RGBA instances [M, 4, 64, 64]."""

    def __init__(self):
        super().__init__()
        self.start = nn.Sequential(nn.Linear(LATENT_DIM, 8 * 8 * 256, bias=False), nn.BatchNorm1d(8 * 8 * 256),
                                   nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(
            activated(nn.Conv2d(256, 256, 4, padding="same", bias=False), 256),
            activated(nn.Conv2d(256, 256, 4, padding="same", bias=False), 256),
            activated(nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False), 128),
            activated(nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), 64),
            nn.ConvTranspose2d(64, 4, 4, 2, 1))

    def forward(self, latents):
        start = self.start(latents).view(-1, 256, 8, 8).contiguous(memory_format=torch.channels_last)
        return torch.sigmoid(self.layers(start))


class Discriminator(nn.Module):
    """Tables 1 and 2: images to a map of scores; with a head that recognises latents (S8)."""

    def __init__(self, last_width):
        super().__init__()
        layers, channels = [], 3
        for width, stride in ((64, 2), (128, 2), (256, 2), (512, 2), (last_width, 1)):
            layers += [spectral_norm(nn.Conv2d(channels, width, 3, stride, 1)), nn.LeakyReLU(0.2)]
            channels = width
        self.features = nn.Sequential(*layers)
        self.score = nn.Sequential(spectral_norm(nn.Conv2d(channels, 1, 1)), nn.LeakyReLU(0.2))
        self.head = nn.Linear(channels, LATENT_DIM)

    def forward(self, images):
        return self.score(self.features(2 * images - 1))

    def recognise(self, images):
        """Estimates latents of carved instances on black."""
        return self.head(self.features(2 * images - 1).mean((2, 3)))


def cross_entropy(scores, target):
    """Eq. 6 and 7 of one map of scores."""
    return functional.binary_cross_entropy_with_logits(scores, torch.full_like(scores, target))


def move(instances):
    """Eq. 4: pads all instances, and crops each at random."""
    count, _, size, _ = instances.shape
    padded = functional.pad(instances, (PADDING,) * 4)
    corners = torch.randint(0, 2 * PADDING + 1, (count, 2))
    rows = corners[:, :1] + torch.arange(size)
    columns = corners[:, 1:] + torch.arange(size)
    which = torch.arange(count)[:, None, None]
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


class Training:
    """Both networks, their optimizers, and the step."""

    def __init__(self, task, *, compiled):
        self.task, self.size = task, 128 if task == "foreground" else 64
        self.generator = (UNet() if task == "foreground" else InstanceGenerator()).to(
            memory_format=torch.channels_last)
        self.discriminator = Discriminator(256 if task == "foreground" else 1024).to(memory_format=torch.channels_last)
        heads = list(self.discriminator.head.parameters()) if task == "cluster" else []
        judges = [*self.discriminator.features.parameters(), *self.discriminator.score.parameters()]
        self.generator_adam = torch.optim.Adam([*self.generator.parameters(), *heads], 4e-4, (0.5, 0.999))
        self.discriminator_adam = torch.optim.Adam(judges, 2e-4, (0.5, 0.999))
        self.judges = judges
        wrap = torch.compile if compiled else lambda function: function
        self.generate, self.judge = wrap(self.generator), wrap(self.discriminator)
        self.recognise = wrap(self.discriminator.recognise)

    def composites(self, photographs, backgrounds):
        """Makes composites (Eq. 5) and the generator's penalties (Eq. 7)."""
        if self.task == "foreground":
            masks = self.generate(photographs)
            composites = photographs * masks + backgrounds * (1 - masks)
            return composites, 1000 * ((masks.mean((1, 2, 3)) - 0.25)**2).mean()
        batch_size = len(photographs)
        latents = torch.rand(LAYERS * batch_size, LATENT_DIM) * 2 - 1
        instances = self.generate(latents)
        penalty = 1000 * ((instances[:, 3].mean((1, 2)) - 0.1)**2).mean()
        penalty = penalty + 50 * functional.mse_loss(self.recognise(instances[:, :3] * instances[:, 3:]), latents)
        composites = backgrounds
        for layer in move(instances).view(LAYERS, batch_size, 4, self.size, self.size):
            composites = layer[:, :3] * layer[:, 3:] + composites * (1 - layer[:, 3:])
        return composites, penalty

    def step(self, photographs, reals, backgrounds):
        """Makes one update of each network, on the same composites (S9)."""
        composites, penalty = self.composites(photographs, backgrounds)
        for weight in self.judges:
            weight.requires_grad_(False)
        self.generator_adam.zero_grad()
        (cross_entropy(self.judge(composites), 1.0) + penalty).backward()
        for weight in self.judges:
            weight.requires_grad_(True)
        self.generator_adam.step()
        self.discriminator_adam.zero_grad()
        loss = cross_entropy(self.judge(reals), 1.0) + cross_entropy(self.judge(composites.detach()), 0.0)
        loss.backward()
        self.discriminator_adam.step()
        return loss.detach()


def main():
    """Times steps and prints the mean."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=("foreground", "cluster"))
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=20.0, help="time spent on steps")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("none", "bfloat16"), default="none",
                        help="none: float32, and TF32 where the device has it")
    parser.add_argument("--compile", action="store_true", help="torch.compile both networks")
    parser.add_argument("--threads", type=int, default=0, help="processor threads; 0: PyTorch's choice")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("error: there is no GPU that PyTorch can use.")
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.set_default_device(options.device)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    training = Training(options.task, compiled=options.compile)
    pictures = [torch.rand(options.batch_size, 3, training.size, training.size)
                .contiguous(memory_format=torch.channels_last) for _ in range(3)]

    def step():
        with torch.autocast(options.device, torch.bfloat16, enabled=options.precision == "bfloat16"):
            return float(training.step(*pictures))  # waits for the device

    for _ in range(WARM_UP):
        step()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < options.seconds or count < 3:
        step()
        count += 1
    seconds = (time.perf_counter() - start) / count
    print(f"PyTorch {torch.__version__} on {options.device}, {options.task}, batch {options.batch_size}: "
          f"s/step {seconds:.5f}")


if __name__ == "__main__":
    main()
