"""Webhook events: taken in from the inbox, pulled from the API, and the leads that they name."""
