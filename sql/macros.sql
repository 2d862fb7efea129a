-- The arithmetic behind every metric. Models call these and define no formula of their own.

-- a share or a ratio: null where there is nothing to divide by
create or replace macro rate_of(x, n) as x::double / nullif(n, 0);

-- 95 % Wilson interval of a share of x in n; null where x is no part of n (restated counters can disagree)
create or replace macro wilson_low(x, n) as case
    when n > 0 and x = 0 then 0.0
    when n > 0 and x between 0 and n then greatest(
        0.0,
        (x::double / n + 1.9207294103 / n
            - 1.9599639845 * sqrt((x::double / n) * (1 - x::double / n) / n + 0.9603647051 / (n::double * n)))
        / (1 + 3.8414588207 / n)
    )
end;

create or replace macro wilson_high(x, n) as case
    when n > 0 and x = n then 1.0
    when n > 0 and x between 0 and n then least(
        1.0,
        (x::double / n + 1.9207294103 / n
            + 1.9599639845 * sqrt((x::double / n) * (1 - x::double / n) / n + 0.9603647051 / (n::double * n)))
        / (1 + 3.8414588207 / n)
    )
end;

-- the value of a rule that the user sets in seeds.rules; an aggregate over that seed
create or replace macro rule_value(rule, value, name) as max(value) filter (where rule = name);

-- the 99.9 % point of chi-square (Wilson and Hilferty); beyond it shares this uneven are no chance
create or replace macro chi_square_999(df) as df * power(1 - 2 / (9.0 * df) + 3.0902323 * sqrt(2 / (9.0 * df)), 3);

-- what was counted of opens or clicks; null where they are not tracked, or where nothing says that they are: a setting
-- that is off is left out of some answers as one that is not known, so only a count shows that it is or was on
create or replace macro tracked(setting, times, people) as case
    when setting or (setting is null and greatest(times, people) > 0) then people
end;

-- a figure of a day: days without activity are left out of the answers and are zero, a field that is not there is not known
create or replace macro figure_of_day(has_row, figure) as case when has_row then figure else 0 end;

-- whether an account's day has figures of sends, or warmup alone: what is asked for the second has none of these
create or replace macro has_send_figures(sent, bounced, contacted, replies) as
    coalesce(sent, bounced, contacted, replies) is not null;

-- a sum in which nothing is missing: null where a part of it is not known
create or replace macro whole_sum(x) as case when count(*) = count(x) then sum(x) end;

-- the text at a path of a JSON document; null where there is none or an empty one, or where it is no JSON
create or replace macro json_text(document, path) as case
    when json_valid(document) and json_type(document, path) = 'VARCHAR'
        then nullif(json_extract_string(document, path), '')
end;

-- variants over all steps of a campaign; a step of the older form, with its subject in it, is one
create or replace macro variants_of(sequences) as
    len(json_extract(sequences, '$[0].steps[*].variants[*]')) + len(json_extract(sequences, '$[0].steps[*].subject'));

-- a variant counted from 0 as a letter, A first
create or replace macro variant_letter(variant) as case
    when try_cast(variant as integer) between 0 and 25 then chr(65 + try_cast(variant as integer))
end;

-- how far a value is from what is usual, in robust standard deviations; counts scatter by their root at least
create or replace macro robust_score(value, usual, usual_deviation) as
    (value - usual) / greatest(1.4826 * usual_deviation, sqrt(usual), 1);

-- whether a setting is on in any of the lists that two forms of it were read into
create or replace macro is_on(found, found_in_older_form) as
    list_contains(found, 'true') or list_contains(found_in_older_form, 'true');

-- weekdays as numbers (0 = Sunday), 0 to 6 days from `day` to the next of them; 0 where there are none
create or replace macro days_until(day, weekdays) as
    coalesce(list_min([(w - dayofweek(day) + 7) % 7 for w in weekdays]), 0)::integer;

-- a day is open until 24 hours after its UTC end; `verified_at` is when its figures were last read
create or replace macro is_open_day(day, verified_at) as verified_at < day::timestamp + interval 2 day;

-- green, amber or red by the thresholds of the seed, grey where there is too little to judge
create or replace macro traffic_light(value, n, bad_when, warning, critical, min_n) as case
    when value is null or coalesce(n, 0) < min_n then 'grey'
    when bad_when = 'low' and value < critical then 'red'
    when bad_when = 'low' and value < warning then 'amber'
    when bad_when = 'high' and value > critical then 'red'
    when bad_when = 'high' and value > warning then 'amber'
    else 'green'
end;

-- the worst of several lights
create or replace macro worst_light(light) as case
    when bool_or(light = 'red') then 'red'
    when bool_or(light = 'amber') then 'amber'
    when bool_or(light = 'green') then 'green'
    else 'grey'
end;

-- a share with its name, as the reasons of a light show it
create or replace macro named_share(title, value) as title || ' ' || printf('%.1f %%', 100 * value);

-- what is red or amber, red first; an aggregate, null where nothing is
create or replace macro light_reasons(said, light) as
    string_agg(said || ' is ' || light, '; ' order by light desc, said) filter (where light in ('red', 'amber'));

-- why something has its light
create or replace macro health_reason(health, reasons) as coalesce(
    reasons, case when health = 'green' then 'all metrics in range' else 'too little sent to judge' end
);

-- what a version of a record is, given the operations of this one and of the one before
create or replace macro version_event(version, op, op_before) as case
    when op = 'delete' then 'deleted'
    when version = 1 then 'first seen'
    when op_before = 'delete' then 'came back'
    else 'changed'
end;

-- what an interest value means for the business; `own_kind` is that of the workspace's own label, if it is one
create or replace macro interest_kind(status, own_kind) as case
    when status in (1, 2, 3, 4) then 'positive'
    when status in (-1, -2, -3, -4) then 'negative'
    when status = 0 then 'neutral'
    when status is not null then coalesce(own_kind, 'neutral')
end;

-- whether a verification came to a result
create or replace macro is_verification_known(status) as coalesce(status not in (0, 11, 12), false);

-- weeks from the Monday of a cohort to the week of an instant; 26 is half a year and later
create or replace macro cohort_age(monday, instant) as case
    when instant is not null then least(26, greatest(0, (date_trunc('week', instant)::date - monday) // 7))
end;

-- the part of an address after the @
create or replace macro domain_of(email) as lower(nullif(split_part(email, '@', 2), ''));

-- who a contact is, whatever the spelling of the address; null where there is none
create or replace macro contact_of(email) as nullif(lower(trim(email)), '');

-- whether a day has any figure but zero, given its greatest
create or replace macro has_figures(greatest_figure) as coalesce(greatest_figure, 0) > 0;
