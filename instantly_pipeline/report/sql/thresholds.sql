-- One row per metric that campaigns are judged by, for the tiles and the line in the trend.
select metric, bad_when, warning, critical from seeds.thresholds where entity = 'campaign'
