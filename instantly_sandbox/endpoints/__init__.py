"""The handlers of the routes. A handler takes a `Call` and returns a `Response` or raises `ApiError`."""
