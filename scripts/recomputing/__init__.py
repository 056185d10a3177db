"""The numbers of a report, worked out anew from METHOD: nothing here is imported from Paribus."""
