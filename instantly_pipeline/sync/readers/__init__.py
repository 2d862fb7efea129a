"""One reader per way of reading (`streams.model.Read`). Each puts a stream's records into a `Sink`."""
