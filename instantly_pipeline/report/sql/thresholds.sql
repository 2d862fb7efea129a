-- One row per metric with thresholds for campaigns, for the tiles and the line in the trend.
select metric, bad_when, warning, critical from seeds.thresholds where entity = 'campaign'
