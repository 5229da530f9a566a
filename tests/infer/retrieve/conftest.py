"""The tiny model that the tests of ranking again use."""

from toy import toy_base  # noqa: F401
