"""Collection: plan the questions, ask each once, judge the answers, hand evidence to the store."""
