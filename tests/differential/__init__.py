# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rules of plugins/module_utils/rules against real API servers: the same objects, judged by both."""
