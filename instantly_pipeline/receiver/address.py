"""Where events go, and what proves that they come from Instantly: what the receiver and a registration agree on."""

from ipaddress import ip_address

PATH = "/webhooks/instantly"
SECRET_HEADER = "X-Webhook-Secret"  # noqa: S105 - its name; the value is a setting


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
