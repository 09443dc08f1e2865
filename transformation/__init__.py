"""What dbt makes of raw: the site's definitions, how dbt runs, and what need not run again."""
