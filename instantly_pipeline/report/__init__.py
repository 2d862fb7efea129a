"""The report: one self-contained HTML page from the marts of the published file.

This package has its queries (`sql/`), its sentences, charts and templates. It computes no metrics: a figure that is not
in a mart is added to a mart first. It reads aggregates only, never a table with data of contacts.
"""
