"""What writes a citation is looked up once: among all installed packages that takes long.

The extension for citations asks for it at each of them, and is answered by what is registered.
"""

from pybtex.plugin import find_plugin, register_plugin
from sphinx.application import Sphinx

BACKENDS = ("docutils", "plaintext")


def setup(app: Sphinx) -> dict:
    """Register what is installed under its own name."""
    for name in BACKENDS:
        found = find_plugin("pybtex.backends", name)
        register_plugin("pybtex.backends", name, found, force=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
