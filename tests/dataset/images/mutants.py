"""Image files that were damaged in many ways, and what Pillow makes of them: the reference for decoding.

    python -m tests.dataset.mutants 10000 [SEED]

tries that many and prints what became of them; it ends with 1 if one was read silently as another picture.
"""

import io
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps

from dataset.files.named_files import NamedFiles
from dataset.images.build_store import prepare_some
from dataset.images.decode import decode
from dataset.images.file_bytes import MOST_PIXELS, header_of, read
from dataset.images.prepare import Prepare

HEIGHT, WIDTH = 40, 48
# Grey levels that two versions of libjpeg may differ by; every other kind is equal.
TOLERANCE = {"JPEG": 3, "TIFF": 3}


def originals():
    """Return the bytes of whole files by name."""
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    rng = np.random.default_rng(0)
    smooth = np.stack([down * 5, across * 5, 120 + 40 * np.sin(across / 5)], axis=2)
    picture = Image.fromarray((smooth + rng.normal(0, 12, smooth.shape)).clip(0, 255).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = {
        "baseline.jpg": ("JPEG", {"quality": 85}),
        "progressive.jpg": ("JPEG", {"quality": 85, "progressive": True}),
        "restarts.jpg": ("JPEG", {"quality": 85, "restart_marker_rows": 1}),
        "lying.jpg": ("JPEG", {"exif": exif, "optimize": True}),
        "rgb.png": ("PNG", {}),
        "lying.png": ("PNG", {"exif": exif}),
        "lossy.webp": ("WEBP", {"quality": 80}),
        "lossless.webp": ("WEBP", {"lossless": True, "exif": exif}),
        "rgb.bmp": ("BMP", {}),
        "plain.tif": ("TIFF", {}),
        "lzw.tif": ("TIFF", {"compression": "tiff_lzw"}),
        "deflate.tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
        "jpeg.tif": ("TIFF", {"compression": "jpeg"}),
        "rgb.gif": ("GIF", {}),
    }
    modes = {"grey.jpg": "L", "palette.png": "P", "grey.png": "L", "alpha.png": "RGBA", "palette.bmp": "P"}
    files = {}
    for name, (kind, options) in kinds.items():
        files[name] = encoded(picture, kind, **options)
    for name, mode in modes.items():
        kind = {"jpg": "JPEG", "png": "PNG", "bmp": "BMP"}[name.rpartition(".")[2]]
        files[name] = encoded(picture.convert(mode), kind)
    return files


def encoded(picture, kind, **options):
    """Return a picture as the bytes of a file."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def mutated(data, rng):
    """Return the bytes with one kind of damage."""
    data = bytearray(data)
    start, length = int(rng.integers(len(data))), int(rng.integers(1, 200))
    match int(rng.integers(8)):
        case 0:  # flipped bits
            for place in rng.integers(len(data), size=rng.integers(1, 9)):
                data[place] ^= 1 << int(rng.integers(8))
        case 1:  # cut
            del data[start:]
        case 2:  # zeros, as a disk's lost block
            data[start : start + length] = bytes(len(data[start : start + length]))
        case 3:  # another header
            for place in rng.integers(min(64, len(data)), size=rng.integers(1, 5)):
                data[place] = int(rng.integers(256))
        case 4:  # a part is missing
            del data[start : start + length]
        case 5:  # a part is there twice
            data[start:start] = data[start : start + length]
        case 6:  # noise
            part = len(data[start : start + length])
            data[start : start + length] = rng.integers(256, size=part, dtype=np.uint8).tobytes()
        case 7:  # as long as it was, but its end was never written
            data[start:] = bytes(len(data) - start)
    return bytes(data)


def reference(data):
    """Return what Pillow decodes, upright RGB, or None where it does not call the file whole."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata
            image = Image.open(io.BytesIO(data))
            if image.width * image.height > MOST_PIXELS:
                return None
            image.load()
            return np.asarray(_upright(image).convert("RGB"))
    except Exception:
        return None


def _upright(image):
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image


def outcome(path):
    """Return what becomes of a file: ``equal``, ``named``, or what is wrong."""
    seen = prepare_some(NamedFiles(path.parent, [path.name]), [0], Prepare((8, 8)))
    if seen.bad:
        return "named"
    data = read(path)
    expected = reference(data.tobytes())
    if expected is None:
        return "silent, where Pillow refuses"
    found = decode(path)
    if found.shape != expected.shape:
        return f"silent, {found.shape} instead of {expected.shape}"
    most = int(np.abs(found.astype(int) - expected).max())
    allowed = TOLERANCE.get(header_of(data, path).kind, 0)
    return "equal" if most <= allowed else f"silent, differs by {most}"


def outcomes(count, seed, folder):
    """Yield the original's name, the number and the outcome of each mutant; wrong ones stay in ``folder``."""
    files = list(originals().items())
    for number in range(count):
        name, data = files[number % len(files)]
        path = folder / f"{number}-{name}"
        path.write_bytes(mutated(data, np.random.default_rng([seed, number])) or b"\0")
        result = outcome(path)
        yield name, number, result
        if not result.startswith("silent"):
            path.unlink()


def main():
    """Try as many mutants as the command line says."""
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    folder, counts, wrong = Path(tempfile.mkdtemp()), Counter(), 0
    for name, number, result in outcomes(count, seed, folder):
        counts[name.rpartition(".")[2], result.split(",")[0]] += 1
        if result.startswith("silent"):
            wrong += 1
            print(f"{folder}/{number}-{name}: {result}", flush=True)
    print(*(f"{kind} {result}: {times}" for (kind, result), times in sorted(counts.items())), sep="\n")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
