"""What a file is, is told from its first bytes: kinds that are read, others by name, and sizes unseen."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from dataset.images import decode as decode_module
from dataset.images.decode import UnreadableImage, decode
from dataset.images.foreign import name_foreign
from dataset.images.header import ALPHA, FRAMES, INKS
from dataset.images.prepare import Prepare

DOWN, ACROSS = np.mgrid[:40, :48]
PICTURE = Image.fromarray(np.stack([DOWN * 6, ACROSS * 5, 255 - DOWN * 3], axis=2).astype(np.uint8))


def coded(kind, mode="RGB", **options):
    out = io.BytesIO()
    PICTURE.convert(mode).save(out, kind, **options)
    return out.getvalue()


def refused(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(UnreadableImage) as caught:
        decode(path)
    return str(caught.value).removeprefix(f"{path}: ")


def remark(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    return Prepare((8, 8)).with_finding(path).remark


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, data=b"", bits=8, colour=2):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def jpeg(width, height):
    data = bytearray(coded("JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def webp(width, height):
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp(width, height):
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 99, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def gif(width, height):
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)


def tiff(width, height, order="<"):
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8 if order == "<" else 8 << 16)]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    return head + b"".join(struct.pack(order + "HHII", *entry) for entry in entries) + bytes(4)


def big_tiff(width, height):
    head = b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 2)
    entries = ((256, 4, 1, width), (257, 4, 1, height))
    return head + b"".join(struct.pack("<HHQQ", *entry) for entry in entries) + bytes(8)


def netpbm(width, height):
    return f"P6\n# a comment\n{width} {height}\n255\n".encode()


@pytest.mark.parametrize(
    "made", [jpeg, png, webp, bmp, gif, tiff, lambda w, h: tiff(w, h, ">"), big_tiff, netpbm]
)
def test_over_a_hundred_megapixels_are_refused_by_the_header_and_never_decoded(tmp_path, monkeypatch, made):
    def fail(*_):
        raise AssertionError("it was decoded")

    monkeypatch.setattr(cv2, "imdecode", fail)
    monkeypatch.setattr(decode_module, "pillow_decoded", fail)
    message = refused(tmp_path, made(20_000, 20_001))
    assert "20000 x 20001 pixels, which is too large: at most 100 megapixels" in message


def test_a_hundred_megapixels_are_not_too_many(tmp_path):
    assert "too large" not in refused(tmp_path, png(10_000, 10_000))  # its pixels are missing
    assert "too large" in refused(tmp_path, png(10_001, 10_000))


def test_a_gif_whose_frame_is_larger_than_it_says_is_refused(tmp_path):
    data = bytearray(coded("GIF"))
    at = data.index(b"\x2c", 13 + 768 if len(data) > 800 else 13)
    data[at + 5 : at + 9] = struct.pack("<HH", 60_000, 60_000)
    assert "damaged GIF" in refused(tmp_path, bytes(data))


def box(brand, more=b""):
    return b"\0\0\0\x20ftyp" + brand + b"\0\0\0\0" + more + bytes(40)


FOREIGN = {
    "a HEIC file": box(b"heic"),
    "HEIC file, which is not read: convert": box(b"mif1", b"mif1heic"),
    "a JPEG XL file": b"\xff\x0a" + bytes(40),
    "a PSD file": b"8BPS" + bytes(40),
    "an SVG drawing": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "an icon": b"\0\0\1\0\1\0" + bytes(40),
    "an OpenEXR file": b"\x76\x2f\x31\x01" + bytes(40),
    "a DICOM file": bytes(128) + b"DICM" + bytes(40),
    "a PDF document": b"%PDF-1.7\n",
    "a zip archive: unpack it": b"PK\3\4" + bytes(40),
    "a gzip archive": b"\x1f\x8b\x08" + bytes(40),
    "a tar archive": b"a.jpg" + bytes(252) + b"ustar" + bytes(40),
    "a web page (HTML)": b"\xef\xbb\xbf<!DOCTYPE html>\n<html><body>404</body></html>",
    "a Git LFS pointer to it: run git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid sha256:\n",
    "a text file that begins with '그림'": "그림".encode(),
    "written as base64": b"data:image/png;base64,iVBORw0KGgo=",
    "an XML document": b"<?xml version='1.0'?><a/>",
    "blank text": b"\n \n",
    "zeros only": bytes(5000),
    "a NumPy array whose header can't be read": b"\x93NUMPY\x01\0" + bytes(40),
    "a RIFF file of type 'WAVE'": b"RIFF\0\0\0\0WAVE" + bytes(40),
    "a video or the like, of brand 'isom'": box(b"isom"),
    "a Mac's companion file": b"\x00\x05\x16\x07" + bytes(40),
    "not an image of a kind that is read": b"\x01\x02\x80\xfe" * 40,
}


@pytest.mark.parametrize("what", FOREIGN)
def test_another_kind_under_an_images_name_is_said_to_be_what_it_is(tmp_path, what):
    assert what in refused(tmp_path, FOREIGN[what])


def test_no_bytes_make_the_naming_fail():
    rng = np.random.default_rng(0)
    for length in (1, 4, 12, 300, 5000):
        assert name_foreign(rng.integers(0, 256, length, dtype=np.uint8))
    for content in FOREIGN.values():
        for cut in range(1, len(content), 7):
            assert name_foreign(np.frombuffer(content[:cut], np.uint8))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (coded("TIFF", "F"), "floating-point numbers (32 bits)"),
        (coded("TIFF", "I"), "32 bits a value"),
        (coded("JPEG").replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc1\x00\x11\x0c"), "a JPEG of 12 bits"),
        (coded("JPEG").replace(b"\xff\xc0", b"\xff\xc3"), "a lossless JPEG"),
        (jpeg(0, 0), "0 x 0 pixels"),
        (coded("PNG")[:-16], "cut off"),
        (coded("PNG")[:-12], "its end is missing"),
        (coded("BMP")[:-1], "5,813 of 5,814 bytes are there"),
        (coded("WEBP")[:-1], "bytes are there"),
        (coded("GIF")[:-60], "a damaged GIF"),
        (coded("TIFF")[:200], "damaged"),
        (coded("JPEG")[:40], "its header is cut off"),
    ],
)
def test_what_cannot_be_read_of_a_known_kind_is_said(tmp_path, content, why):
    assert why in refused(tmp_path, content)


def test_a_flipped_bit_in_a_png_is_found_by_its_checksum(tmp_path):
    data = bytearray(coded("PNG"))
    data[data.index(b"IDAT") + 20] ^= 4
    assert "the checksum of its part 'IDAT' is wrong" in refused(tmp_path, bytes(data))


def transparent():
    picture = PICTURE.copy()
    picture.putalpha(Image.fromarray((DOWN * 6).astype(np.uint8)))
    return picture


def saved(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (coded("JPEG"), ""),
        (coded("JPEG", "CMYK"), INKS),
        (coded("TIFF", "CMYK"), INKS),
        (saved(transparent(), "PNG"), ALPHA),
        (saved(transparent(), "WEBP", lossless=True), ALPHA),
        (saved(transparent(), "TIFF"), ALPHA),
        (coded("PNG", "P", transparency=3), ALPHA),
        (coded("PNG", "1"), ""),
        (coded("GIF"), ""),
        (coded("GIF", save_all=True, append_images=[PICTURE.rotate(180)]), FRAMES),
        (coded("PNG", save_all=True, append_images=[PICTURE.rotate(180)]), FRAMES),
        (coded("WEBP", save_all=True, append_images=[PICTURE.rotate(180)], lossless=True), FRAMES),
        (coded("WEBP", save_all=True, append_images=[PICTURE.rotate(180)], quality=90), FRAMES),
        (coded("TIFF", save_all=True, append_images=[PICTURE.rotate(180)]), FRAMES),
    ],
)
def test_a_peculiar_file_is_read_as_pillow_reads_it_and_it_is_said_how(tmp_path, content, said):
    assert remark(tmp_path, content) == said
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    assert np.abs(decode(tmp_path / "a.jpg") - expected).max() <= 2


@pytest.mark.parametrize("lies", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"lossless": True}), ("WEBP", {}), ("TIFF", {})],
)
def test_every_kind_is_turned_upright_alike_whatever_opencv_does(tmp_path, kind, options, lies):
    exif = Image.Exif()
    exif[0x0112] = lies
    content = saved(PICTURE, kind, exif=exif, **options)
    (tmp_path / "a").write_bytes(content)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content)))).astype(int)
    found = decode(tmp_path / "a")
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 3


@pytest.mark.parametrize(("lies", "turns"), [(1, 0), (3, 2), (6, -1), (8, 1)])
def test_a_tiff_of_sixteen_bits_is_turned_upright_too(tmp_path, lies, turns):
    values = (257 * (DOWN * 5 + ACROSS)).astype(np.uint16)
    (tmp_path / "a").write_bytes(saved(Image.fromarray(values), "TIFF", tiffinfo={274: lies}))
    assert np.array_equal(decode(tmp_path / "a")[..., 0], np.rot90(values >> 8, turns))


def test_what_decodes_is_part_of_what_a_cache_is_keyed_by(monkeypatch):
    here = Prepare((8, 8)).facts()
    monkeypatch.setattr(cv2, "__version__", "4.99.0")
    assert Prepare((8, 8)).facts() != here
    assert "4.99.0" in str(Prepare((8, 8)).facts())
