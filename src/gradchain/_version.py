"""The version, in one place that needs neither installed metadata nor an import of the package."""

VERSION = "0.1.0"
