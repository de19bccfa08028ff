"""Image files to arrays: decoding, orientation, transparency, and how large a picture may be."""

from typing import Optional
import warnings

import numpy as np
from PIL import Image

from errors import UserError, first_line

SIXTEEN_BIT_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")
CAMERA_BITS = (8, 10, 12, 14, 16)
_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
MAX_MEGAPIXELS = 179.0  # Pillow's limit, beyond which a file is taken for an attack on memory
FAINTEST = 3  # of 255: what a compressed picture of one colour may vary by
_ORIENTATION = 0x0112  # EXIF's tag, and how the stored pixels are turned to be upright
_TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
          5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
          8: Image.Transpose.ROTATE_90}


def allow_megapixels(limit: float) -> None:
    """Lets this process decode pictures of up to so many million pixels; Pillow does no more than twice as many."""
    Image.MAX_IMAGE_PIXELS = round(limit * 1e6)


allow_megapixels(MAX_MEGAPIXELS)
warnings.filterwarnings("ignore", module=r"PIL\.")  # of damaged metadata, and of sizes, which are refused by name


def _check_size(image: Image.Image) -> None:
    """Refuses an image that is larger than this process allows, as Pillow refuses one of twice that size."""
    width, height = image.size
    if width * height > Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError(f"{width}x{height} pixels are {width * height / 1e6:.0f} million")


def decode(path: str) -> Image.Image:
    """Opens `path`, decodes all of it and applies its EXIF orientation; UserError where that cannot be done."""
    try:
        with Image.open(path) as image:
            _check_size(image)
            if not isinstance(image.info.get("xmp", b""), (bytes, str, tuple)):
                del image.info["xmp"]  # damaged; Pillow would look for an orientation in it when it turns a TIFF
            image.load()
            return _upright(image)
    except FileNotFoundError:
        raise UserError(f"There is no image file {path}; check the path.") from None
    except MemoryError:
        raise
    except Image.DecompressionBombError as error:
        raise UserError(f"{path} is larger than {Image.MAX_IMAGE_PIXELS / 1e6:g} megapixels ({first_line(error)}); "
                        "--max_megapixels allows more.") from error
    except Exception as error:  # pylint: disable=broad-except  # a broken file may raise anything
        raise UserError(f"{path} could not be read as an image ({first_line(error)}); replace or remove the "
                        "file.") from error


def _upright(image: Image.Image) -> Image.Image:
    """Applies the EXIF orientation, all that is taken from the metadata; damaged metadata count as none."""
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION))
    except Exception:  # pylint: disable=broad-except
        turn = None
    return image.copy() if turn is None else image.transpose(turn)


def sixteen_bit_values(image: Image.Image, *, path: str) -> np.ndarray:
    """The grey values [H, W] of an image in one of Pillow's integer modes, refused outside [0, 65535]."""
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise UserError(f"{path} holds values from {values.min()} to {values.max()}; expected at most 16 bits.")
    return values.astype(np.int32)


def has_alpha(image: Image.Image) -> bool:
    """Says whether an image has transparency, in a channel or as one of its colours."""
    return image.mode in _ALPHA_MODES or "transparency" in image.info and image.mode not in SIXTEEN_BIT_MODES


def bits_used(values: np.ndarray) -> int:
    """Returns how many bits a camera has used for values that are stored in 16: the fewest of `CAMERA_BITS` that hold them."""
    return next(bits for bits in CAMERA_BITS if values.max() < 2**bits)


def to_rgb(image: Image.Image, *, path: str, fewest_bits: bool = False) -> np.ndarray:
    """Any mode as uint8 [H, W, 3]; see `load_image` for what happens to each, and `load_photograph` for `fewest_bits`."""
    if image.mode in SIXTEEN_BIT_MODES:
        values = sixteen_bit_values(image, path=path)
        largest = 2 ** (bits_used(values) if fewest_bits else 16) - 1
        grey = np.round(values * (255.0 / largest)).astype(np.uint8)
        return np.repeat(grey[..., np.newaxis], 3, axis=-1)
    try:
        if has_alpha(image):
            layer = image.convert("RGBA")
            return np.array(Image.alpha_composite(Image.new("RGBA", layer.size, (0, 0, 0, 255)), layer))[..., :3]
        if image.mode == "F":
            raise ValueError("floating-point pixels have no known range")
        return np.array(image.convert("RGB"))
    except MemoryError:
        raise
    except Exception as error:  # pylint: disable=broad-except
        raise UserError(f"{path} is of mode {image.mode} ({first_line(error)}); save it as RGB or grey.") from error


def load_image(path: str) -> np.ndarray:
    """Decodes an image file as RGB, the way a viewer would show it on black.

    The EXIF orientation is applied. Grey and palette images are expanded, CMYK is converted, 16-bit grey is scaled
    (not clipped) to 8 bits. Transparent pixels are composited on black, the colour of an empty canvas in Eq. (5), since
    the colours stored under alpha 0 are arbitrary. Of an animation the first frame is taken.

    Args:
      path: a file of any format that Pillow reads.

    Returns:
      uint8 [H, W, 3] in [0, 255].

    Raises:
      UserError: the file is missing, broken, truncated, implausibly large, or of a mode without a known range.
    """
    return load_layer(path)[0]


def load_photograph(path: str) -> np.ndarray:
    """Loads an image as `load_image` does, and refuses one in which nothing is to be seen.

    A 16-bit one is scaled by the bits that its camera has used (`bits_used`): microscopes store 12 bits in 16.

    Returns:
      uint8 [H, W, 3] in [0, 255].

    Raises:
      UserError: as of `load_image`, or no channel has values further apart than `FAINTEST`.
    """
    pixels = to_rgb(decode(path), path=path, fewest_bits=True)
    if np.ptp(pixels.reshape(-1, pixels.shape[-1]), axis=0).max() <= FAINTEST:
        raise UserError(f"{path} shows nothing: all its pixels have nearly one colour; check the file.")
    return pixels


def load_layer(path: str) -> tuple[np.ndarray, Optional[np.ndarray]]:
    """Decodes an image file as `load_image` does, and keeps its own transparency.

    Returns:
      image: as of `load_image`.
      layer: uint8 [H, W, 4], the colours as they are stored, and alpha; None where everything is opaque.

    Raises:
      UserError: as for `load_image`.
    """
    decoded = decode(path)
    image = to_rgb(decoded, path=path)
    layer = np.array(decoded.convert("RGBA")) if has_alpha(decoded) else None
    return image, None if layer is None or layer[..., 3].min() == 255 else layer
