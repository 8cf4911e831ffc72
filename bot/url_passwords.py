"""Passwords in addresses: ``https://name:password@host`` (RFC 3986, section 3.2.1, "userinfo").

What stands before the ``@`` is treated as one secret: some servers take a key in place of the name.
"""

import re

USERINFO = r"(?<=://)[^\s/?#\"'<>]+(?=@)"
"""A pattern of it, up to the last ``@`` of the host's part."""
_USERINFO = re.compile(USERINFO)


def has_password(value: object) -> bool:
    """Whether `value`, an address or a list of them, has a name or a password in it."""
    if isinstance(value, list | tuple):
        return any(has_password(each) for each in value)
    return isinstance(value, str) and bool(_USERINFO.search(value))


def without_passwords(text: str) -> str:
    """`text`, an address or one that has addresses in it, with stars in place of what stands before
    the ``@`` of each."""
    return _USERINFO.sub("****", text)
