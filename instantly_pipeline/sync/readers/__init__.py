"""One reader per way of reading (`streams.model.Read`); each puts a stream's records into a `Sink`."""
