"""The report: one self-contained HTML page made of the marts of the published file.

Here belong the questions it asks (`sql/`), its sentences, charts and templates. It computes no metric: a figure that is
not in a mart is added to a mart first. It reads aggregates only, never a table that holds a contact's data.
"""
