{{ config(materialized='table') }}

{{ components_of(ref('int_users_aliased')) }}
