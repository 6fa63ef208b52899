"""Programs as third parties write them: accepted ones, specimens, and recipes of libraries."""
