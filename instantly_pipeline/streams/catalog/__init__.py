"""One file a stream (or a family of them): a new file here is a new stream."""
