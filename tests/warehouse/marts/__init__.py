"""The marts: rows in, rows out through the real SQL, and whole worlds compared with the local API's own figures."""
