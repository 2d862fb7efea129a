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

-- what an interest value means for the business; `own_kind` is that of the workspace's own label, if it is one
create or replace macro interest_kind(status, own_kind) as case
    when status in (1, 2, 3, 4) then 'positive'
    when status in (-1, -2, -3, -4) then 'negative'
    when status = 0 then 'neutral'
    when status is not null then coalesce(own_kind, 'neutral')
end;

-- the part of an address after the @
create or replace macro domain_of(email) as lower(nullif(split_part(email, '@', 2), ''));

-- whether a day has any figure but zero, given its greatest
create or replace macro has_figures(greatest_figure) as coalesce(greatest_figure, 0) > 0;

-- what to make of a day: `as read`, `last good` (gone or zero for less than three syncs) or `withdrawn` (for three)
create or replace macro figures_state(has_figures_now, had_figures, syncs_without) as case
    when has_figures_now or not had_figures then 'as read'
    when coalesce(syncs_without, 1) >= 3 then 'withdrawn'
    else 'last good'
end;

create or replace macro believed_figure(state, as_read, last_good) as case state
    when 'last good' then last_good
    when 'withdrawn' then 0
    else as_read
end;
