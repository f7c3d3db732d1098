"""File names made from ids: safe on Linux, macOS and Windows, and never the same for two ids.

Used wherever a file or folder is named after an item or a job. It is pure, and looks at no disk.
"""

import re
import unicodedata
from hashlib import blake2b

# Device names of Windows (Microsoft, "Naming Files, Paths, and Namespaces"), reserved with any extension.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)
# What Windows forbids, and the tilde, which marks a stem that is not its id.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*~\x00-\x1f\x7f]')
# ASCII that needs no closer look: letters, digits, and separators within.
_CLEARLY_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{4,99}", re.ASCII)
# 255 bytes is the usual limit for a file name; the rest is for what is added, such as `.stdout.txt`.
MAX_STEM_BYTES = 180
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def stem(item_id: str) -> str:
    """Return the file name for an id, without extension: the id where that is safe, else made safe and marked."""
    return item_id if is_safe(item_id) else marked_stem(item_id)


def is_safe(item_id: str) -> bool:
    """Tell whether an id can be a file name as it is, on every system."""
    return _CLEARLY_SAFE.fullmatch(item_id) is not None or bool(
        item_id
        and not _FORBIDDEN.search(item_id)
        and not _RESERVED.fullmatch(item_id)
        and item_id[0] not in ". "
        and item_id[-1] not in ". "
        and unicodedata.normalize("NFC", item_id) == item_id
        and not any(unicodedata.category(character) in _INVISIBLE for character in item_id)
        and len(item_id.encode()) <= MAX_STEM_BYTES
    )


def marked_stem(item_id: str) -> str:
    """Return a safe file name that no other id gets: what is readable of the id, a tilde, a digest of the whole id."""
    # 64 bits: among a million ids that look alike, two meet once in forty million jobs.
    digest = blake2b(item_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    text = unicodedata.normalize("NFC", item_id.encode("utf-8", "replace").decode())
    readable = "".join("_" if unicodedata.category(c) in _INVISIBLE else c for c in _FORBIDDEN.sub("_", text))
    room = MAX_STEM_BYTES - len(digest) - 1
    readable = readable.encode()[:room].decode("utf-8", "ignore").strip(". ") or "item"
    return f"{'_' if _RESERVED.fullmatch(readable) else ''}{readable}~{digest}"


def folded(name: str) -> str:
    """Return what a case-insensitive, normalising disk sees of a name: two names that fold alike are one file there."""
    return name if name.isascii() and name.islower() else unicodedata.normalize("NFC", name).casefold()


def is_job_name(text: str) -> bool:
    """Tell whether a job can have that name, which is a folder's as well."""
    return _JOB_NAME.fullmatch(text) is not None


_JOB_NAME = re.compile(r"[\w][\w .-]*")
