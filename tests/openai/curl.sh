#!/usr/bin/env bash
# Uses a running server with curl and checks what comes back: curl.sh http://127.0.0.1:4663 MODEL
set -euo pipefail
base=${1:?base URL} model=${2:?model id}

# expect WHAT PATTERN CURL-ARGUMENTS...: runs curl and looks for a pattern in status, headers and body.
expect() {
  local what=$1 pattern=$2 reply
  shift 2
  reply=$(curl --silent --show-error --max-time 120 --include --no-buffer "$@")
  if ! grep -qE "$pattern" <<<"$reply"; then
    printf 'FAIL: %s: no %s in\n%s\n' "$what" "$pattern" "$reply" >&2
    exit 1
  fi
  echo "ok: $what"
}

chat='{"model": "'$model'", "max_tokens": 8, "messages": [{"role": "user", "content": "Say hello."}]}'
json=(-H 'Content-Type: application/json')

expect "health" '"status":"ok"' "$base/health"
expect "models" "\"id\":\"$model\"" "$base/v1/models"
expect "metrics" '^hone_running [0-9]+' "$base/metrics"
expect "document" '"openapi":"3' "$base/openapi.json"
expect "docs" '<h1>hone' "$base/docs"
expect "about" '/v1/chat/completions' "$base/about"
expect "home" '<title>hone' "$base/"
expect "chat" '"finish_reason":"(stop|length)"' "${json[@]}" -d "$chat" "$base/v1/chat/completions"
expect "stream" '^data: \[DONE\]' "${json[@]}" -d "${chat%\}}, \"stream\": true}" "$base/v1/chat/completions"
expect "completion" '"object":"text_completion"' "${json[@]}" -d '{"prompt": "1, 2, 3,"}' "$base/v1/completions"
expect "bad JSON" '"code":"invalid_json"' "${json[@]}" -d '{' "$base/v1/chat/completions"
expect "a form" '415 Unsupported' -d "$chat" "$base/v1/chat/completions"
expect "another host" '403 Forbidden' -H 'Host: evil.example' "$base/v1/models"
expect "another origin" '403 Forbidden' -H 'Origin: https://evil.example' "$base/v1/models"
expect "another site" '403 Forbidden' -H 'Sec-Fetch-Site: cross-site' "$base/docs"
expect "a preflight is not answered" '405 Method' -X OPTIONS "$base/v1/chat/completions"
expect "a path that is not there" '404 Not Found' "$base/v1/nothing"
expect "security headers" "content-security-policy: default-src 'none'" "$base/"
