"""Checks on the build file before it is published."""
