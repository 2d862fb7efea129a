"""What each route answers. A handler takes a `Call` and returns a `Response` or raises `ApiError`."""
