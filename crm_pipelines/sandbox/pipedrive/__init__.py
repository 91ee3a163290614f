"""A Pipedrive company over HTTP: API v2, the v1-only rest, OAuth, limits, webhooks."""

from crm_pipelines.sandbox.pipedrive.system import Pipedrive

__all__ = ["Pipedrive"]
