# SPDX-License-Identifier: BSD-2-Clause
"""Pictures of the machine's display: PPM as QEMU's screendump writes it, PNG as people view it."""
import struct
import zlib


def read_ppm(data):
    """(width, height, bytes of RGB) of a binary PPM."""
    fields, at = [], 0
    while len(fields) < 4:
        while data[at:at + 1].isspace():
            at += 1
        if data[at:at + 1] == b"#":
            at = data.index(b"\n", at)
            continue
        end = at
        while not data[end:end + 1].isspace():
            end += 1
        fields.append(data[at:end])
        at = end
    kind, width, height, depth = fields[0], *map(int, fields[1:])
    pixels = data[at + 1:]
    if kind != b"P6" or depth != 255 or len(pixels) != width * height * 3:
        raise ValueError("not the PPM that QEMU writes")
    return width, height, pixels


def png(width, height, pixels):
    """The bytes of a PNG file of RGB pixels."""
    def chunk(kind, body):
        return (struct.pack(">I", len(body)) + kind + body
                + struct.pack(">I", zlib.crc32(kind + body)))
    lines = b"".join(b"\0" + pixels[line:line + width * 3]
                     for line in range(0, len(pixels), width * 3))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b""))
