-- wrk sends replies of about 3 kB to the webhook receiver, no two alike, and counts the answers by status.
local threads, started = {}, os.time()

function setup(thread)
  thread:set("id", #threads)
  table.insert(threads, thread)
end

function init(args)
  sent, stored, refused = 0, 0, 0
  html = string.rep("<p>Thanks for reaching out, let us talk on Thursday.</p>\\n", 40)
  wrk.headers["X-Webhook-Secret"] = args[1]
  wrk.headers["Content-Type"] = "application/json"
  run = args[2]
end

function request()
  sent = sent + 1
  local body = string.format(
    '{"timestamp":"2026-08-19T09:00:02.000Z","event_type":"reply_received","workspace":"0198ffff-0000-7000-8000-0000000000aa",'
      .. '"campaign_id":"0199aaaa-0000-7000-8000-000000000001","campaign_name":"Q3 Dentists EU","lead_email":"bo@clinic.example",'
      .. '"email_account":"ann@send-one.example","step":1,"variant":1,"is_first":true,"email_id":"%s-%d-%d",'
      .. '"reply_subject":"Re: Hi Bo","reply_text_snippet":"Sounds good","reply_html":"%s","firstName":"Bo","city":"Lund"}',
    run, id, sent, html)
  return wrk.format("POST", "/webhooks/instantly", nil, body)
end

function response(status)
  if status == 200 then stored = stored + 1 else refused = refused + 1 end
end

function done(summary, latency)
  local stored, refused = 0, 0
  for _, thread in ipairs(threads) do
    stored = stored + thread:get("stored")
    refused = refused + thread:get("refused")
  end
  io.write(string.format(
    'RESULT {"seconds":%.3f,"stored":%d,"refused":%d,"broken":%d,"p50_ms":%.2f,"p99_ms":%.2f,"max_ms":%.2f}\n',
    summary.duration / 1e6, stored, refused, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
