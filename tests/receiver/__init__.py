"""Tests of the webhook receiver, over HTTP."""
