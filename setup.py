"""Builds the C packet path; everything else of the packaging is in pyproject.toml."""

from setuptools import setup

setup(
    cffi_modules=["rtcsplit/_native/build.py:ffibuilder"],
    options={"bdist_wheel": {"py_limited_api": "cp310"}},  # one wheel serves every Python from 3.10 on
)
