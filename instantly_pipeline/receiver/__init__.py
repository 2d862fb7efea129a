"""The webhook receiver: events are durable in the inbox before they are answered. It never opens the lake."""
