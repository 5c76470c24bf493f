# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# This is an action plugin: its code is in plugins/action/containerd_config.py, its documentation in
# plugins/modules/containerd_config.yml. This file lets ansible-doc find the documentation.
