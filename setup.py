"""Builds the C packet path; everything else of the packaging is in pyproject.toml."""

from setuptools import setup

setup(cffi_modules=["rtcsplit/_native/build.py:ffibuilder"])
