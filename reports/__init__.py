"""The report: what turns Allure results into the page that a person opens."""
