"""Ask, judge, plan, act, ask again."""
