date -u -d @0 +%Y-%m-%dT%H:%M:%SZ; date -d 2024-02-29 +%j; [ "$(date +%s)" -gt 1700000000 ] && echo now
