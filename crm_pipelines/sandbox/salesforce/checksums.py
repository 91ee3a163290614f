"""CRC-32 of two texts one after the other, from the CRC-32 of each.

A gzip file ends with the checksum of all it holds; this joins those of its parts, so that parts
compressed long ago make a new file without being read again. Polynomials over GF(2), as in the
public definition of CRC-32: appending n bytes multiplies by x to the power of 8n.
"""

from __future__ import annotations

_POLYNOMIAL = 0xEDB88320
_ONE, _X = 1 << 31, 1 << 30


def joined(first: int, second: int, size: int) -> int:
    """The checksum of a text, and then another of ``size`` bytes."""
    return _multiplied(_shift(size), first) ^ second


def _multiplied(a: int, b: int) -> int:
    """The product modulo the polynomial; the highest bit is the constant term."""
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product


def _shift(size: int) -> int:
    power, place = _ONE, 3
    while size:
        if size & 1:
            power = _multiplied(_SQUARES[place % 32], power)
        size, place = size >> 1, place + 1
    return power


def _squares() -> list[int]:
    found = [_X]
    while len(found) < 32:
        found.append(_multiplied(found[-1], found[-1]))
    return found


_SQUARES = _squares()
"""x to the powers 1, 2, 4, 8, …"""
