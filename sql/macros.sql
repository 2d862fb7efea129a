-- The formulas of all metrics. Models call these macros and define no formula of their own.
-- The linter does not know that the body of a macro is indented.
-- noqa: disable=layout.indent

-- a share or a ratio: null where there is nothing to divide by
create or replace macro rate_of(x, n) as x::double / nullif(n, 0);

-- Wilson interval of the share x / n for a quantile z of the normal distribution; null unless 0 <= x <= n (restated
-- counters can disagree)
create or replace macro wilson_low_at(x, n, z) as case
    when n > 0 and x = 0 then 0.0
    when n > 0 and x between 0 and n then greatest(
        0.0,
        (
            x::double / n
            + z * z / 2 / n
            - z * sqrt((x::double / n) * (1 - x::double / n) / n + z * z / 4 / (n::double * n))
        )
        / (1 + z * z / n)
    )
end;

create or replace macro wilson_high_at(x, n, z) as case
    when n > 0 and x = n then 1.0
    when n > 0 and x between 0 and n then least(
        1.0,
        (
            x::double / n
            + z * z / 2 / n
            + z * sqrt((x::double / n) * (1 - x::double / n) / n + z * z / 4 / (n::double * n))
        )
        / (1 + z * z / n)
    )
end;

-- the 95 % interval
create or replace macro wilson_low(x, n) as wilson_low_at(x, n, 1.959963984540054);

create or replace macro wilson_high(x, n) as wilson_high_at(x, n, 1.959963984540054);

-- interval of the difference x / n - x0 / n0, from the two Wilson intervals (Newcombe 1998, method 10)
create or replace macro newcombe_low(x, n, x0, n0, z) as
    x::double / n - x0::double / n0
    - sqrt(
        power(x::double / n - wilson_low_at(x, n, z), 2) + power(wilson_high_at(x0, n0, z) - x0::double / n0, 2)
    );

create or replace macro newcombe_high(x, n, x0, n0, z) as
    x::double / n - x0::double / n0
    + sqrt(
        power(wilson_high_at(x, n, z) - x::double / n, 2) + power(x0::double / n0 - wilson_low_at(x0, n0, z), 2)
    );

-- difference of two shares in standard errors of the pooled share; null if both are 0 or both are 1
create or replace macro share_score(x, n, x0, n0) as case
    when n > 0 and n0 > 0 and x between 0 and n and x0 between 0 and n0 then
        (x::double / n - x0::double / n0)
        / nullif(sqrt((x + x0)::double / (n + n0) * (1 - (x + x0)::double / (n + n0)) * (1.0 / n + 1.0 / n0)), 0)
end;

-- Fewest events that say something about a share, counted or expected: the usual condition of tests on proportions
-- (Cochran 1954).
create or replace macro fewest_events() as 5;

-- what became of a share, given the interval of its difference; `bad_when` is high where more is worse
create or replace macro change_verdict(x, n, x0, n0, low, high, bad_when) as case
    when n = 0 or n0 = 0 then 'too small to judge'
    when low is null or high is null then 'unknown'
    when greatest(x, n * x0::double / n0) < fewest_events() then 'too small to judge'
    when low > 0 then case when bad_when = 'high' then 'worse' else 'better' end
    when high < 0 then case when bad_when = 'high' then 'better' else 'worse' end
    else 'usual'
end;

-- whether a share is surely below another one: their 95 % intervals do not meet; null where there is nothing to divide by
create or replace macro is_below(x, n, other_x, other_n) as wilson_high(x, n) < wilson_low(other_x, other_n);

-- the value of a rule in seeds.rules; an aggregate over that seed
create or replace macro rule_value(rule, value, name) as max(value) filter (where rule = name);

-- the 99.9 % quantile of chi-square (Wilson and Hilferty's approximation)
create or replace macro chi_square_999(df) as df * power(1 - 2 / (9.0 * df) + 3.0902323 * sqrt(2 / (9.0 * df)), 3);

-- opens or clicks, null if they are not tracked. Some answers leave out a setting that is off, so a missing setting
-- counts as on only if something was counted.
create or replace macro tracked(setting, times, people) as case
    when setting or (setting is null and greatest(times, people) > 0) then people
end;

-- a figure of a day: zero without a row (the API leaves out days without activity), null if the field is missing
create or replace macro figure_of_day(has_row, figure) as case when has_row then figure else 0 end;

-- whether a day of an account has figures of sends, not of warmup alone
create or replace macro has_send_figures(sent, bounced, contacted, replies) as
    coalesce(sent, bounced, contacted, replies) is not null;

-- a sum that is null if any of its values is null
create or replace macro whole_sum(x) as case when count(*) = count(x) then sum(x) end;

-- a wait in days; a text that is no number, or none at all, is null
create or replace macro days_of(amount, unit) as
    try_cast(amount as double) * case unit when 'minutes' then 1 / 1440 when 'hours' then 1 / 24 else 1 end;

-- the text at a path of a JSON document; null if it is missing, empty or no text, or if the document is no JSON
create or replace macro json_text(document, path) as case
    when json_valid(document) and json_type(document, path) = 'VARCHAR'
        then nullif(json_extract_string(document, path), '')
end;

-- whether a campaign is to send: active, running subsequences, or stopped by the platform, not by a person
create or replace macro is_meant_to_send(status) as status in (1, 4) or status < 0;

-- why a mailbox cannot send; ready if it can
create or replace macro mailbox_state(is_gone, status, daily_limit) as case
    when is_gone then 'no longer there'
    when status < 0 then 'in error'
    when status in (2, 3) then 'paused'
    when daily_limit = 0 then 'with a daily limit of 0'
    else 'ready'
end;

-- the first or last day of a schedule, in its time zone; null if there is none
create or replace macro schedule_day(schedule, path) as case
    when json_valid(schedule) then try_cast(left(json_extract_string(schedule, path), 10) as date)
end;

-- a day as sentences show it: 3 Nov 2026
create or replace macro shown_day(day) as strftime(day, '%-d %b %Y');

-- whether a text is a pattern of seeds.clients, in which * stands for any text; upper and lower case are alike
create or replace macro is_like_name(name, pattern) as lower(nfc_normalize(name)) like replace(
    replace(replace(replace(lower(nfc_normalize(pattern)), '\', '\\'), '%', '\%'), '_', '\_'), '*', '%'
) escape '\';

-- a text without markup, with single spaces; null if nothing is left
create or replace macro plain_text(html) as nullif(trim(regexp_replace(
    replace(replace(regexp_replace(html, '<[^>]*>', ' ', 'g'), '&nbsp;', ' '), chr(160), ' '), '\s+', ' ', 'g'
)), '');

-- number of variants over all steps of a campaign; a step in the older format, with its own subject, counts as one
create or replace macro variants_of(sequences) as
    len(json_extract(sequences, '$[0].steps[*].variants[*]')) + len(json_extract(sequences, '$[0].steps[*].subject'));

-- a variant, counted from 0, as a letter: 0 is A
create or replace macro variant_letter(variant) as case
    when try_cast(variant as integer) between 0 and 25 then chr(65 + try_cast(variant as integer))
end;

-- distance from the usual value in robust standard deviations, at least the square root of the value (as for counts)
create or replace macro robust_score(value, usual, usual_deviation) as
    (value - usual) / greatest(1.4826 * usual_deviation, sqrt(usual), 1);

-- whether a setting is on in either of its two formats, each given as a list of texts
create or replace macro is_on(found, found_in_older_form) as
    list_contains(found, 'true') or list_contains(found_in_older_form, 'true');

-- days (0 to 6) from `day` to the next of these weekdays (0 = Sunday); 0 for an empty list
create or replace macro days_until(day, weekdays) as
    coalesce(list_min([(w - dayofweek(day) + 7) % 7 for w in weekdays]), 0)::integer;

-- the nth day after `day` that is one of these weekdays (0 = Sunday)
create or replace macro sending_day(day, weekdays, n) as
    day + 7 * ((n - 1) // len(weekdays))::integer
    + list_sort([(w - dayofweek(day) + 6) % 7 + 1 for w in weekdays])[(n - 1) % len(weekdays) + 1]::integer;

-- the day on which the last of `leads` is contacted, at `pace` leads a sending day: `today`, as far as the pace was not
-- reached on it yet (`done_today` is null if no more are contacted today), or else the sending days after `last_off`.
-- Beyond a century no day is given. `greatest` passes over what is null.
create or replace macro last_contact_day(leads, pace, today, done_today, last_off, weekdays) as case
    when pace > 0 and leads <= greatest(pace - done_today, 0) then today
    when leads / nullif(pace, 0) < 36500 then sending_day(
        last_off, weekdays, ceil(round((leads - greatest(pace - done_today, 0)) / pace, 9))::bigint
    )
end;

-- a day is open until 24 hours after its UTC end; `verified_at` is when its figures were last read
create or replace macro is_open_day(day, verified_at) as verified_at < day::timestamp + interval 2 day;

-- of the e-mails or leads behind a share, those that count against it; restated counters can exceed their denominator
create or replace macro bad_events(x, n, bad_when) as case when bad_when = 'low' then n - least(x, n) else x end;

-- the end of the 95 % interval that is beyond a limit only if all of it is, and the other one
create or replace macro bad_bound(x, n, bad_when) as
    case when bad_when = 'low' then wilson_high(least(x, n), n) else wilson_low(least(x, n), n) end;

create or replace macro good_bound(x, n, bad_when) as
    case when bad_when = 'low' then wilson_low(least(x, n), n) else wilson_high(least(x, n), n) end;

create or replace macro is_beyond(value, bound, bad_when) as
    case when bad_when = 'low' then value < bound else value > bound end;

-- whether n are enough to set an estimated share against a limit: some events are expected on both sides of it
create or replace macro is_enough(n, bound) as round(n * least(bound, 1 - bound), 6) >= fewest_events();

-- The light of a share x / n. Red: its whole 95 % interval is beyond the critical limit. Amber: the share is beyond the
-- warning limit and n is enough, or the whole interval is. Green: the share is within it and n is enough, or the whole
-- interval is within the critical limit. Grey: none of these. Fewer bad events than a test needs prove nothing, but where
-- the limit is none at all, one is beyond it.
create or replace macro traffic_light(x, n, bad_when, warning, critical) as case
    when x is null or n is null or n <= 0 then 'grey'
    when bad_events(x, n, bad_when) >= fewest_events() and is_beyond(bad_bound(x, n, bad_when), critical, bad_when)
        then 'red'
    when
        is_beyond(x::double / n, warning, bad_when)
        and (
            is_enough(n, warning)
            or warning in (0, 1)
            or bad_events(x, n, bad_when) >= fewest_events()
            and is_beyond(bad_bound(x, n, bad_when), warning, bad_when)
        )
        then 'amber'
    when is_beyond(x::double / n, coalesce(warning, critical), bad_when) then 'grey'
    when is_enough(n, coalesce(warning, critical)) or not is_beyond(good_bound(x, n, bad_when), critical, bad_when)
        then 'green'
    else 'grey'
end;

-- the light of a figure that is no share of anything, such as a score or a number of campaigns
create or replace macro plain_light(value, bad_when, warning, critical) as case
    when value is null then 'grey'
    when is_beyond(value, critical, bad_when) then 'red'
    when is_beyond(value, warning, bad_when) then 'amber'
    when coalesce(warning, critical) is not null then 'green'
    else 'grey'
end;

-- the worst of several lights; an aggregate
create or replace macro worst_light(light) as case
    when bool_or(light = 'red') then 'red'
    when bool_or(light = 'amber') then 'amber'
    when bool_or(light = 'green') then 'green'
    else 'grey'
end;

-- a share with its title, as in the reasons of a light: bounce rate 7.1 % (10 of 141, 3.9 to 12.6 %)
create or replace macro named_share(title, x, n) as title || ' ' || printf('%.1f %%', 100.0 * x / n) || ' ('
|| printf('%d of %d', x::bigint, n::bigint)
|| coalesce(printf(', %.1f to %.1f %%', 100 * wilson_low(x, n), 100 * wilson_high(x, n)), '') || ')';

-- the red and amber metrics as one text, red ones first; an aggregate, null if there are none
create or replace macro light_reasons(metric, light) as
    string_agg(metric || ' is ' || light, '; ' order by light desc, metric) filter (where light in ('red', 'amber'));

-- the reason shown with a light
create or replace macro health_reason(health, reasons) as coalesce(
    reasons, case when health = 'green' then 'all metrics in range' else 'too little sent to judge' end
);

-- what happened to a record in a version, from the operations of this version and the one before
create or replace macro version_event(version, op, op_before) as case
    when op = 'delete' then 'deleted'
    when version = 1 then 'first seen'
    when op_before = 'delete' then 'came back'
    else 'changed'
end;

-- whether a change of settings can be a user's: not if the platform sets all that changed by itself
create or replace macro is_by_hand(changed, by_platform) as len(changed) = 0 or not list_has_all(by_platform, changed);

-- positive, negative or neutral; `own_kind` is the kind of the workspace's own label for other numbers
create or replace macro interest_kind(status, own_kind) as case
    when status in (1, 2, 3, 4) then 'positive'
    when status in (-1, -2, -3, -4) then 'negative'
    when status = 0 then 'neutral'
    when status is not null then coalesce(own_kind, 'neutral')
end;

-- whether an address was verified with a result
create or replace macro is_verification_known(status) as coalesce(status not in (0, 11, 12), false);

-- weeks from the Monday of a cohort to the week of an instant, at most 26
create or replace macro cohort_age(monday, instant) as case
    when instant is not null then least(26, greatest(0, (date_trunc('week', instant)::date - monday) // 7))
end;

-- the part of an address after the @
create or replace macro domain_of(email) as lower(nullif(split_part(email, '@', 2), ''));

-- the address that identifies a contact, trimmed and in lower case; null if empty
create or replace macro contact_of(email) as nullif(lower(trim(email)), '');

-- whether a day has any figure above zero, given the greatest of them
create or replace macro has_figures(greatest_figure) as coalesce(greatest_figure, 0) > 0;

-- whether two reports may be of one moment: clocks of mail servers differ, and a campaign writes to a lead once a day
create or replace macro same_moment(a, b) as abs(epoch(a) - epoch(b)) <= 3600;

-- the interest that an event of a webhook sets; null for other events, and for lead_neutral, which removes it
create or replace macro event_interest(event_type) as case event_type
    when 'lead_out_of_office' then 0
    when 'lead_interested' then 1
    when 'lead_meeting_booked' then 2
    when 'lead_meeting_completed' then 3
    when 'lead_closed' then 4
    when 'lead_not_interested' then -1
    when 'lead_wrong_person' then -2
    when 'lead_no_show' then -4
end;
