"""The product's version: what `server.py --version`, /healthz and the package's metadata say."""

VERSION = "0.1.0"
