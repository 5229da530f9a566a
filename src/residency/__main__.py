"""``python -m residency`` is the command ``residency``."""

from residency.cli import main

raise SystemExit(main())
