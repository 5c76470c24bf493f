# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every feature gate that a kubelet knows, by line; written by tests/oracle/generate_gates.py, not by hand.

A row: the gate, then what it is from a line on, as far as that differs from the line before: stage, on or off by
default, "locked" where no other value is taken, "needs" and the gates that must be on with it. A row that begins with
the first line says nothing of older ones; a row that is too long goes on in an indented line.
"""

from __future__ import annotations

# The patch that was asked, by line. A later patch can know a gate that this one doesn't.
READ = {
    "1.29": "1.29.6",
    "1.30": "1.30.4",
    "1.31": "1.31.0",
    "1.32": "1.32.2",
    "1.33": "1.33.13",
    "1.34": "1.34.4",
    "1.35": "1.35.4",
    "1.36": "1.36.3",
    "1.37": "1.37.2",
}

GATES = """\
APIListChunking 1.29 ga on locked; 1.33 removed
APIPriorityAndFairness 1.29 ga on locked; 1.31 removed
APIResponseCompression 1.29 beta on
APISelfSubjectReview 1.29 ga on locked; 1.30 removed
APIServerIdentity 1.29 beta on
APIServerTracing 1.29 beta on; 1.34 ga on locked; 1.37 removed
APIServerWebhookAuthenticationToken 1.37 alpha off
APIServingWithRoutine 1.30 alpha off
AdmissionWebhookMatchConditions 1.29 beta on; 1.30 ga on locked; 1.33 removed
AggregatedDiscoveryEndpoint 1.29 beta on; 1.30 ga on locked; 1.33 removed
AggregatedDiscoveryRemoveBetaType 1.33 deprecated on; 1.35 deprecated on locked
AllAlpha 1.29 alpha off
AllBeta 1.29 beta off
AllowDNSOnlyNodeCSR 1.31 deprecated off
AllowInsecureKubeletCertificateSigningRequests 1.31 deprecated off
AllowOverwriteTerminationGracePeriodSeconds 1.32 deprecated off; 1.35 deprecated off locked
AllowParsingUserUIDFromCertAuth 1.33 beta on
AllowServiceExternalIPs 1.36 ga on
AllowServiceLBStatusOnNonLB 1.29 deprecated off; 1.32 deprecated off locked; 1.35 removed
AllowUnsafeMalformedObjectDeletion 1.32 alpha off; 1.37 beta on
AnonymousAuthConfigurableEndpoints 1.31 alpha off; 1.32 beta on; 1.34 ga on locked; 1.37 removed
AnyVolumeDataSource 1.29 beta on; 1.33 ga on locked; 1.37 removed
AppArmor 1.29 beta on; 1.31 ga on locked; 1.33 removed
AppArmorFields 1.30 beta on; 1.31 ga on locked; 1.33 removed
AtomicFIFO 1.36 beta on
AtomicWriteVolumeUserFields 1.37 alpha off
AuthorizeNodeWithSelectors 1.31 alpha off; 1.32 beta on; 1.34 ga on locked; 1.35 ga on locked needs
  AuthorizeWithSelectors; 1.37 removed
AuthorizePodWebsocketUpgradeCreatePermission 1.35 beta on
AuthorizeWithSelectors 1.31 alpha off; 1.32 beta on; 1.34 ga on locked; 1.37 removed
BtreeWatchCache 1.32 beta on; 1.33 ga on locked; 1.37 removed
CBORServingAndStorage 1.32 alpha off
CPUManager 1.29 ga on locked; 1.33 removed
CPUManagerPolicyAlphaOptions 1.29 alpha off
CPUManagerPolicyBetaOptions 1.29 beta on
CPUManagerPolicyOptions 1.29 beta on; 1.33 ga on locked
CRDObservedGenerationTracking 1.35 beta off; 1.36 beta on
CRDValidationRatcheting 1.29 alpha off; 1.30 beta on; 1.33 ga on locked
CRIListStreaming 1.36 alpha off
CSIMigrationAzureFile 1.29 ga on locked; 1.30 removed
CSIMigrationPortworx 1.29 beta off; 1.31 beta on; 1.33 ga on locked; 1.36 removed
CSIMigrationRBD 1.29 deprecated off; 1.31 removed
CSINodeExpandSecret 1.29 ga on locked; 1.31 removed
CSIServiceAccountTokenSecrets 1.35 beta on; 1.36 ga on locked
CSIVolumeHealth 1.29 alpha off
ChangeContainerStatusOnKubeletRestart 1.35 deprecated off
ClearingNominatedNodeNameAfterBinding 1.34 alpha off; 1.35 beta on
ClientsAllowCARotation 1.36 beta on
ClientsAllowCBOR 1.32 alpha off
ClientsAllowTLSCacheGC 1.36 beta on
ClientsPreferCBOR 1.32 alpha off
CloudControllerManagerWatchBasedRoutesReconciliation 1.35 alpha off
CloudControllerManagerWebhook 1.29 alpha off
CloudDualStackNodeIPs 1.29 beta on; 1.30 ga on locked; 1.32 removed
ClusterTrustBundle 1.29 alpha off; 1.33 beta off; 1.37 ga on
ClusterTrustBundleProjection 1.29 alpha off; 1.33 beta off; 1.35 beta off needs ClusterTrustBundle; 1.37 ga on needs
  ClusterTrustBundle
ComponentFlagz 1.32 alpha off; 1.36 beta on
ComponentStatusz 1.32 alpha off; 1.36 beta on
CompositePodGroup 1.37 alpha off needs GenericWorkload TopologyAwareWorkloadScheduling
ConcurrentWatchObjectDecode 1.31 beta off; 1.37 beta on
ConsistentHTTPGetHandlers 1.29 ga on; 1.30 ga on locked; 1.31 removed
ConsistentListFromCache 1.29 alpha off; 1.31 beta on; 1.34 ga on locked; 1.37 removed
ConsistentListFromCacheSkipTimeoutFallback 1.37 alpha off
ConstrainedImpersonation 1.35 alpha off; 1.36 beta on
ContainerCheckpoint 1.29 alpha off; 1.30 beta on
ContainerRestartRules 1.34 alpha off; 1.35 beta on
ContainerStopSignals 1.33 alpha off
ContextualLogging 1.29 alpha off; 1.30 beta on
CoordinatedLeaderElection 1.31 alpha off; 1.33 beta off
CronJobsScheduledAnnotation 1.29 beta on; 1.32 ga on locked; 1.35 removed
CrossNamespaceVolumeDataSource 1.29 alpha off
CustomCPUCFSQuotaPeriod 1.29 alpha off; 1.36 ga on
CustomResourceFieldSelectors 1.30 alpha off; 1.31 beta on; 1.32 ga on locked
CustomResourceValidationExpressions 1.29 ga on locked; 1.31 removed
DRAAdminAccess 1.32 alpha off; 1.34 beta on; 1.35 beta on needs DynamicResourceAllocation; 1.36 ga on locked needs
  DynamicResourceAllocation
DRAConsumableCapacity 1.34 alpha off; 1.35 alpha off needs DynamicResourceAllocation; 1.36 beta on needs
  DynamicResourceAllocation
DRAControlPlaneController 1.31 alpha off; 1.32 removed
DRADerivedAttributes 1.37 alpha off needs DynamicResourceAllocation
DRADeviceBindingConditions 1.34 alpha off; 1.35 alpha off needs DRAResourceClaimDeviceStatus
  DynamicResourceAllocation; 1.36 beta on needs DRAResourceClaimDeviceStatus DynamicResourceAllocation
DRADeviceCompatibilityGroups 1.37 alpha off needs DRAPartitionableDevices DynamicResourceAllocation
DRADeviceTaintRules 1.35 alpha off needs DRADeviceTaints; 1.36 beta off needs DRADeviceTaints; 1.37 ga on needs
  DRADeviceTaints
DRADeviceTaints 1.33 alpha off; 1.35 alpha off needs DynamicResourceAllocation; 1.36 beta on needs
  DynamicResourceAllocation; 1.37 ga on needs DynamicResourceAllocation
DRAExtendedResource 1.34 alpha off; 1.35 alpha off needs DynamicResourceAllocation; 1.36 beta on needs
  DynamicResourceAllocation; 1.37 ga on locked needs DynamicResourceAllocation
DRAFractionalCapacityRange 1.37 beta off needs DRAConsumableCapacity
DRAListTypeAttributes 1.36 alpha off needs DynamicResourceAllocation
DRANodeAllocatableResources 1.36 alpha off needs DynamicResourceAllocation
DRAOptionalNodeOperations 1.37 alpha off needs DynamicResourceAllocation NodeDeclaredFeatures
DRAPartitionableDevices 1.33 alpha off; 1.35 alpha off needs DynamicResourceAllocation; 1.36 beta on needs
  DynamicResourceAllocation
DRAPartitionableDevicesType 1.37 alpha off needs DRAPartitionableDevices DRAResourcePoolStatus
  DynamicResourceAllocation
DRAPrioritizedList 1.33 alpha off; 1.34 beta on; 1.35 beta on needs DynamicResourceAllocation; 1.36 ga on needs
  DynamicResourceAllocation; 1.37 ga on locked needs DynamicResourceAllocation
DRAResourceClaimDeviceStatus 1.32 alpha off; 1.33 beta on; 1.37 ga on locked
DRAResourceClaimGranularStatusAuthorization 1.36 beta on needs DRAResourceClaimDeviceStatus DynamicResourceAllocation
DRAResourcePoolStatus 1.36 alpha off needs DynamicResourceAllocation
DRASchedulerFilterTimeout 1.34 beta on; 1.35 beta on needs DynamicResourceAllocation
DRAWorkloadResourceClaims 1.36 alpha off needs DynamicResourceAllocation GenericWorkload; 1.37 beta off needs
  DynamicResourceAllocation GenericWorkload
DeclarativeValidation 1.33 beta on; 1.36 ga on locked
DeclarativeValidationBeta 1.36 beta on needs DeclarativeValidation
DeclarativeValidationTakeover 1.33 beta off; 1.35 beta off needs DeclarativeValidation; 1.36 deprecated off needs
  DeclarativeValidation; 1.37 deprecated off locked needs DeclarativeValidation
DefaultHostNetworkHostPortsInPodTemplates 1.29 deprecated off; 1.31 removed
DefaultPodSysctls 1.37 alpha off
DeploymentReplicaSetTerminatingReplicas 1.33 alpha off; 1.35 beta on
DetectCacheInconsistency 1.34 beta on
DevicePluginCDIDevices 1.29 beta on; 1.31 ga on locked; 1.34 removed
DisableAllocatorDualWrite 1.31 alpha off; 1.33 beta off; 1.34 ga on; 1.35 ga on locked needs MultiCIDRServiceAllocator
DisableCPUQuotaWithExclusiveCPUs 1.33 beta on; 1.36 deprecated on; 1.37 deprecated on locked
DisableCloudProviders 1.29 beta on; 1.31 ga on locked; 1.33 removed
DisableKubeletCloudCredentialProviders 1.29 beta on; 1.31 ga on locked; 1.33 removed
DisableNodeKubeProxyVersion 1.29 alpha off; 1.31 beta on; 1.32 deprecated off; 1.33 deprecated on; 1.36 deprecated on
  locked
DynamicResourceAllocation 1.29 alpha off; 1.32 beta off; 1.34 ga on; 1.35 ga on locked
EfficientWatchResumption 1.29 ga on locked; 1.33 removed
ElasticIndexedJob 1.29 beta on; 1.31 ga on locked; 1.34 removed
EmptyDirVolumeMode 1.37 alpha off
EnvFiles 1.34 alpha off; 1.35 beta on
EtcdRangeStream 1.37 beta on
EventedPLEG 1.29 alpha off; 1.37 alpha off needs PLEGOnDemandRelist
EvictionRequestAPI 1.37 alpha off
ExcludeAdmissionWebhookVirtualResources 1.37 beta on
ExecProbeTimeout 1.29 ga on; 1.35 ga on locked
ExpandedDNSConfig 1.29 ga on locked; 1.30 removed
ExperimentalHostUserNamespaceDefaulting 1.29 deprecated off locked; 1.30 removed
ExtendWebSocketsToKubelet 1.36 beta on needs NodeDeclaredFeatures
ExternalServiceAccountTokenSigner 1.32 alpha off; 1.34 beta on; 1.36 ga on locked
GRPCContainerProbeTLS 1.37 alpha off
GangScheduling 1.35 alpha off needs GenericWorkload; 1.37 removed
GenericWorkload 1.35 alpha off; 1.37 beta off
GitRepoVolumeDriver 1.33 deprecated off; 1.36 deprecated off locked
GracefulNodeShutdown 1.29 beta on
GracefulNodeShutdownBasedOnPodPriority 1.29 beta on; 1.35 beta on needs GracefulNodeShutdown
H2CContainerProbe 1.37 alpha off needs NodeDeclaredFeatures
HPAConfigurableTolerance 1.33 alpha off; 1.35 beta on; 1.37 ga on locked
HPAContainerMetrics 1.29 beta on; 1.30 ga on locked; 1.32 removed
HPAGeneration 1.37 beta on
HPAOptimizedSelectorStore 1.37 beta on
HPAScaleToZero 1.29 alpha off; 1.37 beta on
HonorPVReclaimPolicy 1.29 alpha off; 1.31 beta on; 1.33 ga on locked; 1.36 removed
HostnameOverride 1.34 alpha off; 1.35 beta on; 1.37 ga on locked
HugepageAwareEviction 1.37 beta on
IPTablesOwnershipCleanup 1.29 ga on locked; 1.30 removed
ImageMaximumGCAge 1.29 alpha off; 1.30 beta on; 1.35 ga on locked
ImageVolume 1.31 alpha off; 1.33 beta off; 1.35 beta on; 1.36 ga on locked
ImageVolumeWithDigest 1.36 alpha off needs ImageVolume
InOrderInformers 1.33 beta on; 1.36 ga on locked
InOrderInformersBatchProcess 1.35 beta on
InPlacePodLevelResourcesVerticalScaling 1.35 alpha off needs InPlacePodVerticalScaling NodeDeclaredFeatures
  PodLevelResources; 1.36 beta on needs InPlacePodVerticalScaling NodeDeclaredFeatures PodLevelResources
InPlacePodVerticalScaling 1.29 alpha off; 1.33 beta on; 1.35 ga on locked
InPlacePodVerticalScalingAllocatedStatus 1.32 alpha off; 1.33 deprecated off; 1.35 deprecated off needs
  InPlacePodVerticalScaling; 1.36 removed
InPlacePodVerticalScalingExclusiveCPUs 1.32 alpha off; 1.35 alpha off needs InPlacePodVerticalScaling
InPlacePodVerticalScalingExclusiveMemory 1.34 alpha off; 1.35 alpha off needs InPlacePodVerticalScaling MemoryManager;
  1.36 alpha off needs InPlacePodVerticalScaling
InPlacePodVerticalScalingInitContainers 1.36 beta on needs InPlacePodVerticalScaling NodeDeclaredFeatures; 1.37 ga on
  locked needs InPlacePodVerticalScaling NodeDeclaredFeatures
InPlacePodVerticalScalingMemoryBackedVolumes 1.37 alpha off needs InPlacePodVerticalScaling NodeDeclaredFeatures
InPlacePodVerticalScalingSchedulerPreemption 1.37 alpha off needs InPlacePodVerticalScaling
InTreePluginAWSUnregister 1.29 alpha off; 1.31 removed
InTreePluginAzureDiskUnregister 1.29 alpha off; 1.31 removed
InTreePluginAzureFileUnregister 1.29 alpha off; 1.31 removed
InTreePluginGCEUnregister 1.29 alpha off; 1.31 removed
InTreePluginOpenStackUnregister 1.29 alpha off; 1.31 removed
InTreePluginPortworxUnregister 1.29 alpha off; 1.36 removed
InTreePluginRBDUnregister 1.29 deprecated off; 1.31 removed
InTreePluginvSphereUnregister 1.29 alpha off; 1.31 removed
InformerResourceVersion 1.30 alpha off; 1.35 ga on
InterPodAffinityHostnameFastPath 1.37 alpha off
JobBackoffLimitPerIndex 1.29 beta on; 1.33 ga on locked; 1.37 removed
JobManagedBy 1.30 alpha off; 1.32 beta on; 1.35 ga on locked
JobPodFailurePolicy 1.29 beta on; 1.31 ga on locked; 1.33 removed
JobPodReplacementPolicy 1.29 beta on; 1.34 ga on locked; 1.37 removed
JobReadyPods 1.29 ga on locked; 1.31 removed
JobSuccessPolicy 1.30 alpha off; 1.31 beta on; 1.33 ga on locked; 1.37 removed
KMSv1 1.29 deprecated off
KMSv2 1.29 ga on locked; 1.32 removed
KMSv2KDF 1.29 ga on locked; 1.32 removed
KubeProxyDrainingTerminatingNodes 1.29 alpha off; 1.30 beta on; 1.31 ga on locked; 1.33 removed
KubeProxyIPVS 1.37 deprecated on
KubeProxyNFTablesLocalhostNodePorts 1.37 alpha off
KubeletAllocatedPodsEndpoint 1.37 alpha off needs InPlacePodVerticalScaling
KubeletCgroupDriverFromCRI 1.29 alpha off; 1.31 beta on; 1.34 ga on locked
KubeletCrashLoopBackOffMax 1.32 alpha off; 1.35 beta on
KubeletEnsureSecretPulledImages 1.33 alpha off; 1.35 beta on
KubeletFineGrainedAuthz 1.32 alpha off; 1.33 beta on; 1.36 ga on locked
KubeletInUserNamespace 1.29 alpha off; 1.37 beta on
KubeletPSI 1.33 alpha off; 1.34 beta on; 1.36 ga on locked
KubeletPodResources 1.29 ga on locked; 1.30 removed
KubeletPodResourcesDynamicResources 1.29 alpha off; 1.34 beta on; 1.36 ga on locked
KubeletPodResourcesGet 1.29 alpha off; 1.34 beta on; 1.36 ga on locked
KubeletPodResourcesGetAllocatable 1.29 ga on locked; 1.30 removed
KubeletPodResourcesListUseActivePods 1.34 deprecated on
KubeletRegistrationGetOnExistsOnly 1.32 deprecated off
KubeletSeparateDiskGC 1.29 alpha off; 1.31 beta on
KubeletServiceAccountTokenForCredentialProviders 1.33 alpha off; 1.34 beta on
KubeletTracing 1.29 beta on; 1.34 ga on locked
LegacyServiceAccountTokenCleanUp 1.29 beta on; 1.30 ga on locked; 1.32 removed
LegacyServiceAccountTokenTracking 1.29 ga on locked; 1.30 removed
LegacySidecarContainers 1.33 deprecated off; 1.34 removed
ListFromCacheSnapshot 1.33 alpha off; 1.34 beta on
LoadBalancerIPMode 1.29 alpha off; 1.30 beta on; 1.32 ga on locked; 1.35 removed
LocalStorageCapacityIsolationFSQuotaMonitoring 1.29 alpha off; 1.31 beta off
LogarithmicScaleDown 1.29 beta on; 1.31 ga on locked; 1.37 removed
LoggingAlphaOptions 1.29 alpha off
LoggingBetaOptions 1.29 beta on
ManifestBasedAdmissionControlConfig 1.36 alpha off; 1.37 beta on
MatchLabelKeysInPodAffinity 1.29 alpha off; 1.31 beta on; 1.33 ga on locked
MatchLabelKeysInPodTopologySpread 1.29 beta on
MatchLabelKeysInPodTopologySpreadSelectorMerge 1.34 beta on; 1.35 beta on needs MatchLabelKeysInPodTopologySpread
MaxUnavailableStatefulSet 1.29 alpha off; 1.35 beta off; 1.37 beta on
MemoryManager 1.29 beta on; 1.32 ga on locked; 1.36 removed
MemoryQoS 1.29 alpha off; 1.37 beta on
MinDomainsInPodTopologySpread 1.29 beta on; 1.30 ga on locked; 1.32 removed
MinimizeIPTablesRestore 1.29 ga on locked; 1.30 removed
MultiCIDRServiceAllocator 1.29 alpha off; 1.31 beta off; 1.33 ga on; 1.34 ga on locked
MutableCSINodeAllocatableCount 1.33 alpha off; 1.34 beta off; 1.35 beta on; 1.36 ga on locked
MutablePVNodeAffinity 1.35 alpha off
MutablePodResourcesForSuspendedJobs 1.35 alpha off; 1.36 beta on
MutableSchedulingDirectivesForSuspendedJobs 1.35 alpha off; 1.36 beta on
MutatingAdmissionPolicy 1.30 alpha off; 1.34 beta off; 1.36 ga on
NFTablesNetlink 1.37 beta on
NFTablesProxyMode 1.29 alpha off; 1.31 beta on; 1.33 ga on locked
NewVolumeManagerReconstruction 1.29 beta on; 1.30 ga on locked; 1.32 removed
NodeControllerLeaseCircuitBreaker 1.37 beta on needs AtomicFIFO
NodeDeclaredFeatures 1.35 alpha off; 1.36 beta on; 1.37 ga on locked
NodeInclusionPolicyInPodTopologySpread 1.29 beta on; 1.33 ga on locked
NodeLifecycleConditions 1.37 alpha off
NodeLogQuery 1.29 alpha off; 1.30 beta off; 1.36 ga on locked
NodeOutOfServiceVolumeDetach 1.29 ga on locked; 1.32 removed
NodeSwap 1.29 beta off; 1.30 beta on; 1.34 ga on locked
NominatedNodeNameForExpectation 1.34 alpha off; 1.35 beta on
OpenAPIEnums 1.29 beta on
OpportunisticBatching 1.35 beta on
OrderedNamespaceDeletion 1.33 beta on; 1.34 ga on locked; 1.37 removed
PDBUnhealthyPodEvictionPolicy 1.29 beta on; 1.31 ga on locked; 1.33 removed
PLEGOnDemandRelist 1.36 beta on; 1.37 ga on locked
PersistentVolumeClaimUnusedSinceTime 1.36 alpha off; 1.37 beta on
PersistentVolumeLastPhaseTransitionTime 1.29 beta on; 1.31 ga on locked; 1.33 removed
PodAndContainerStatsFromCRI 1.29 alpha off; 1.37 beta off
PodCertificateRequest 1.34 alpha off; 1.35 beta off needs AuthorizeNodeWithSelectors; 1.37 ga on
PodDeletionCost 1.29 beta on
PodDisruptionConditions 1.29 beta on; 1.31 ga on locked; 1.34 removed
PodGroupPreemptionPolicy 1.37 alpha off needs GenericWorkload
PodHostIPs 1.29 beta on; 1.30 ga on locked; 1.32 removed
PodIndexLabel 1.29 beta on; 1.32 ga on locked; 1.35 removed
PodLevelResourceManagers 1.36 alpha off needs PodLevelResources; 1.37 beta off needs PodLevelResources
PodLevelResources 1.32 alpha off; 1.34 beta on
PodLevelResourcesFixDefaulting 1.37 beta on needs PodLevelResources
PodLevelResourcesFixKubeletQOSClass 1.37 beta on needs PodLevelResources
PodLifecycleSleepAction 1.29 alpha off; 1.30 beta on; 1.34 ga on locked; 1.37 removed
PodLifecycleSleepActionAllowZero 1.32 alpha off; 1.33 beta on; 1.34 ga on locked; 1.35 ga on locked needs
  PodLifecycleSleepAction; 1.37 removed
PodLogsQuerySplitStreams 1.32 alpha off
PodObservedGenerationTracking 1.33 alpha off; 1.34 beta on; 1.35 ga on locked
PodReadyToStartContainersCondition 1.29 beta on; 1.37 ga on locked
PodSchedulingReadiness 1.29 beta on; 1.30 ga on locked
PodTopologyLabelsAdmission 1.33 alpha off; 1.35 beta on
PodsAPI 1.36 alpha off; 1.37 beta on
PortForwardWebsockets 1.30 alpha off; 1.31 beta on
PreferSameTrafficDistribution 1.33 alpha off; 1.34 beta on; 1.35 ga on locked
PreventStaticPodAPIReferences 1.34 beta on; 1.37 removed
ProbeHostPodSecurityStandards 1.34 ga on locked; 1.35 removed
ProcMountType 1.29 alpha off; 1.31 beta off; 1.33 beta on; 1.35 beta on needs UserNamespacesSupport; 1.36 ga on locked
  needs UserNamespacesSupport
ProxyTerminatingEndpoints 1.29 ga on locked; 1.30 removed
QOSReserved 1.29 alpha off
ReadWriteOncePod 1.29 ga on locked; 1.31 removed
RecoverVolumeExpansionFailure 1.29 alpha off; 1.32 beta on; 1.34 ga on locked
RecursiveReadOnlyMounts 1.30 alpha off; 1.31 beta on; 1.33 ga on locked
ReduceDefaultCrashLoopBackOffDecay 1.33 alpha off
RelaxedDNSSearchValidation 1.32 alpha off; 1.33 beta on; 1.34 ga on locked; 1.37 removed
RelaxedEnvironmentVariableValidation 1.30 alpha off; 1.32 beta on; 1.34 ga on locked
RelaxedServiceNameValidation 1.34 alpha off; 1.36 beta on; 1.37 ga on locked
ReloadKubeletClientCAFile 1.36 beta on
ReloadKubeletServerCertificateFile 1.31 beta on
RemainingItemCount 1.29 ga on locked; 1.33 removed
RemoteRequestHeaderUID 1.32 alpha off; 1.33 beta on
RemoveSelfLink 1.29 ga on locked; 1.30 removed
ResilientWatchCacheInitialization 1.31 beta on; 1.34 ga on locked; 1.37 removed
ResourceHealthStatus 1.31 alpha off; 1.35 alpha off needs DynamicResourceAllocation; 1.36 beta on needs
  DynamicResourceAllocation
ResourceHealthStatusMessage 1.36 beta on needs ResourceHealthStatus
RestartAllContainersOnContainerExits 1.35 alpha off needs ContainerRestartRules NodeDeclaredFeatures; 1.36 beta on
  needs ContainerRestartRules NodeDeclaredFeatures
RetryGenerateName 1.30 alpha off; 1.31 beta on; 1.32 ga on locked; 1.37 removed
RotateKubeletServerCertificate 1.29 beta on
RuntimeClassInImageCriApi 1.29 alpha off
SELinuxChangePolicy 1.32 alpha off; 1.33 beta on; 1.36 ga on locked
SELinuxMount 1.30 alpha off; 1.33 beta off; 1.37 ga on
SELinuxMountReadWriteOncePod 1.29 beta on; 1.36 ga on locked
SchedulerAsyncAPICalls 1.34 beta off
SchedulerAsyncPreemption 1.32 alpha off; 1.33 beta on
SchedulerPopFromBackoffQ 1.33 beta on
SchedulerPreQueueingHints 1.37 alpha off
SchedulerQueueingHints 1.29 beta off; 1.32 beta on; 1.34 ga on locked; 1.37 removed
SecurityContextDeny 1.29 alpha off; 1.30 removed
SeparateCacheWatchRPC 1.29 beta on; 1.33 deprecated off; 1.36 deprecated off locked
SeparateTaintEvictionController 1.29 beta on; 1.34 ga on locked
ServerSideApply 1.29 ga on locked; 1.32 removed
ServerSideFieldValidation 1.29 ga on locked; 1.32 removed
ServiceAccountNodeAudienceRestriction 1.32 beta off; 1.33 beta on
ServiceAccountTokenJTI 1.29 alpha off; 1.30 beta on; 1.32 ga on locked
ServiceAccountTokenNodeBinding 1.29 alpha off; 1.31 beta on; 1.33 ga on locked; 1.35 ga on locked needs
  ServiceAccountTokenNodeBindingValidation
ServiceAccountTokenNodeBindingValidation 1.29 alpha off; 1.30 beta on; 1.32 ga on locked
ServiceAccountTokenPodNodeInfo 1.29 alpha off; 1.30 beta on; 1.32 ga on locked
ServiceCIDRStatusFieldWiping 1.36 deprecated on
ServiceNodePortStaticSubrange 1.29 ga on locked; 1.31 removed
ServiceTrafficDistribution 1.30 alpha off; 1.31 beta on; 1.33 ga on locked; 1.36 removed
ShardedListAndWatch 1.36 alpha off
SidecarContainers 1.29 beta on; 1.33 ga on locked; 1.37 removed
SizeBasedListCostEstimate 1.34 beta on
SizeMemoryBackedVolumes 1.29 beta on; 1.32 ga on locked; 1.35 removed
SkipReadOnlyValidationGCE 1.29 deprecated on; 1.31 removed
StableLoadBalancerNodeSet 1.29 beta on; 1.30 ga on locked; 1.32 removed
StaleControllerConsistencyDaemonSet 1.36 beta on needs AtomicFIFO
StaleControllerConsistencyHPA 1.37 beta on needs AtomicFIFO
StaleControllerConsistencyJob 1.36 beta on needs AtomicFIFO
StaleControllerConsistencyReplicaSet 1.36 beta on needs AtomicFIFO
StaleControllerConsistencyStatefulSet 1.36 beta on needs AtomicFIFO
StatefulSetAutoDeletePVC 1.29 beta on; 1.32 ga on locked; 1.35 removed
StatefulSetRecreateStrategy 1.37 alpha off
StatefulSetSemanticRevisionComparison 1.34 beta on
StatefulSetStartOrdinal 1.29 beta on; 1.31 ga on locked; 1.34 removed
StorageCapacityScoring 1.33 alpha off; 1.37 beta on
StorageNamespaceIndex 1.30 beta on; 1.33 deprecated on
StorageVersionAPI 1.29 alpha off; 1.35 alpha off needs APIServerIdentity
StorageVersionHash 1.29 beta on
StorageVersionMigrator 1.30 alpha off; 1.35 beta off; 1.37 ga on
StreamingCollectionEncodingToJSON 1.33 beta on; 1.34 ga on locked; 1.37 removed
StreamingCollectionEncodingToProtobuf 1.33 beta on; 1.34 ga on locked; 1.37 removed
StrictCostEnforcementForVAP 1.30 beta off; 1.32 ga on locked; 1.35 removed
StrictCostEnforcementForWebhooks 1.30 beta off; 1.32 ga on locked; 1.35 removed
StrictIPCIDRValidation 1.33 alpha off; 1.36 beta on
StructuredAuthenticationConfiguration 1.29 alpha off; 1.30 beta on; 1.34 ga on locked; 1.37 removed
StructuredAuthenticationConfigurationEgressSelector 1.34 beta on; 1.35 beta on needs
  StructuredAuthenticationConfiguration; 1.37 beta on
StructuredAuthenticationConfigurationJWKSMetrics 1.35 beta on needs StructuredAuthenticationConfiguration; 1.37 beta
  on
StructuredAuthorizationConfiguration 1.29 alpha off; 1.30 beta on; 1.32 ga on locked; 1.36 removed
SupplementalGroupsPolicy 1.31 alpha off; 1.33 beta on; 1.35 ga on locked
SystemdWatchdog 1.32 beta on; 1.35 ga on locked
TaintTolerationComparisonOperators 1.35 alpha off
TokenRequestServiceAccountUIDValidation 1.34 beta on
TopologyAwareHints 1.29 beta on; 1.33 ga on locked; 1.36 removed
TopologyAwareWorkloadScheduling 1.36 alpha off needs GenericWorkload
TopologyManagerPolicyAlphaOptions 1.29 alpha off
TopologyManagerPolicyBetaOptions 1.29 beta on
TopologyManagerPolicyOptions 1.29 beta on; 1.32 ga on; 1.36 ga on locked
TranslateStreamCloseWebsocketRequests 1.29 alpha off; 1.30 beta on
UnauthenticatedHTTP2DOSMitigation 1.29 beta on
UnknownVersionInteroperabilityProxy 1.29 alpha off; 1.35 alpha off needs APIServerIdentity; 1.36 beta on needs
  APIServerIdentity
UnlockWhileProcessingFIFO 1.36 beta on
UserNamespacesHostNetworkSupport 1.35 alpha off needs UserNamespacesSupport; 1.36 alpha off needs NodeDeclaredFeatures
  UserNamespacesSupport
UserNamespacesPodSecurityStandards 1.29 alpha off; 1.35 removed
UserNamespacesSupport 1.29 alpha off; 1.30 beta off; 1.33 beta on; 1.36 ga on locked
ValidatingAdmissionPolicy 1.29 beta off; 1.30 ga on locked; 1.32 removed
VolumeAttributesClass 1.29 alpha off; 1.31 beta off; 1.34 ga on; 1.36 ga on locked
VolumeBindMountOptions 1.37 alpha off
VolumeCapacityPriority 1.29 alpha off; 1.33 removed
VolumeLimitScaling 1.35 alpha off; 1.37 beta on
WatchBookmark 1.29 ga on locked; 1.33 removed
WatchCacheInitializationPostStartHook 1.31 beta off; 1.36 beta on; 1.37 ga on locked
WatchFromStorageWithoutResourceVersion 1.29 beta off; 1.33 deprecated off locked; 1.36 removed
WatchList 1.29 alpha off; 1.32 beta on; 1.33 beta off; 1.34 beta on
WatchListClient 1.30 beta off; 1.35 beta on
WatchListCompression 1.37 beta on
WebhookRoundTripLoadBalancing 1.37 beta on
WinDSR 1.29 alpha off; 1.33 beta on; 1.34 ga on locked
WinOverlay 1.29 beta on; 1.34 ga on locked
WindowsCPUAndMemoryAffinity 1.32 alpha off; 1.35 alpha off needs MemoryManager; 1.36 alpha off
WindowsGracefulNodeShutdown 1.32 alpha off; 1.34 beta on; 1.35 beta on needs GracefulNodeShutdown
WindowsHostNetwork 1.29 alpha on; 1.33 deprecated off
WorkloadAwarePreemption 1.36 alpha off needs GangScheduling; 1.37 removed
WorkloadWithJob 1.36 alpha off needs GenericWorkload
ZeroLimitedNominalConcurrencyShares 1.29 beta off; 1.30 ga on locked; 1.32 removed
"""
