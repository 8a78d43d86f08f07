"""The report: turns Allure results into one HTML page."""
