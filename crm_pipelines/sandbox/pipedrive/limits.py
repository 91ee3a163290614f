"""The numbers a company lives by; every one can be changed while the sandbox runs."""

from __future__ import annotations

LIMITS: dict[str, int] = {
    # Tokens a day for the whole company (Lite, one seat); spent ones reset at UTC midnight.
    "daily_tokens": 30_000,
    # Requests in a rolling window of two seconds: API token, OAuth as a multiple, search.
    "burst": 20,
    "burst_oauth_factor": 4,
    "burst_search": 10,
    # 1: a search also takes a place in the general window (not documented either way).
    "search_takes_general": 1,
    # 1: answers 400, 404 … cost tokens like successful ones (not documented either way).
    "failures_cost": 1,
    # 1: answers 429 cost tokens as well.
    "refusals_cost": 0,
    # 0: retry-after of a spent day runs to midnight; otherwise this many seconds.
    "daily_retry_after_seconds": 0,
    # 1: x-daily-ratelimit-token-* headers are sent.
    "token_headers": 1,
    # POST and PUT a day that x-daily-requests-left counts down (API token only).
    "daily_writes": 10_000,
    # After so many answers 429 within the time, API token traffic meets an HTML 403.
    "cloudflare_after": 30,
    "cloudflare_within_seconds": 60,
    "cloudflare_block_seconds": 60,
    # 1: a limit above the maximum is taken as the maximum; 0: it is refused.
    "clamp_page_limit": 0,
    # 1: v1 endpoints that have a successor still answer; 0: 410.
    "deprecated_v1": 0,
    # 1: a deleted record is still found by its id; 0: 404.
    "get_deleted": 0,
    # Days until a deleted record is purged.
    "purge_days": 30,
    # Days until a line of a change log is purged; 0: never.
    "change_log_days": 0,
    # Seconds until a change is seen by search.
    "search_lag_seconds": 0,
    # 1: organizations have a website, an industry and the like, which some plans are without.
    "organization_details": 1,
    # 5 or 8: times and durations of activities have to be HH:MM or HH:MM:SS; 0: either will do.
    "time_digits": 0,
    # Deals that a company may have, one more is refused with 403; 0: any number.
    "most_deals": 0,
    # OAuth: life of an access token, and 1 when every refresh replaces the refresh token.
    "access_token_seconds": 3_599,
    "refresh_token_days": 60,
    "rotate_refresh_token": 0,
    # Webhooks: places for each user, pace of retries and bans in percent of the real one.
    "webhooks_per_user": 40,
    "webhook_time_scale_percent": 100,
    # Webhooks in trouble: each event so often, in another order among so many, up to so much
    # late, or (1) lost as in a ban.
    "webhook_copies": 1,
    "webhook_shuffle": 0,
    "webhook_delay_milliseconds": 0,
    "webhook_drop": 0,
}
"""Defaults by name."""
