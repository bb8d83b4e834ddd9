"""
Secrets that we must be able to read again, encrypted at rest.

The first of `settings.FIELD_KEYS` encrypts, all of them decrypt: a new key is put in front.
"""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

__all__ = ["InvalidToken", "decrypt", "encrypt"]


def encrypt(secret: str) -> bytes:
    return _keys(tuple(settings.FIELD_KEYS)).encrypt(secret.encode())


def decrypt(token: bytes) -> str:
    """:raises InvalidToken: if it was changed, or none of the keys made it"""
    return _decrypt(bytes(token), tuple(settings.FIELD_KEYS))


@lru_cache(maxsize=1024)
def _decrypt(token: bytes, keys: tuple[str, ...]) -> str:
    return _keys(keys).decrypt(token).decode()


@lru_cache(maxsize=4)
def _keys(texts: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derive(text)) for text in texts])


def _derive(text: str) -> bytes:
    """A Fernet key by HKDF (RFC 5869), so that a setting may have any length and serve elsewhere too."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"regulars: secrets at rest")
    return base64.urlsafe_b64encode(derived.derive(text.encode()))
