"""E-mails: which ranges of time were read, and how to read one so that nothing in it is missed."""
